// alibi init

#include <fmt/format.h>
#include <qrencode.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "seal/age_file.hpp"
#include "seal/identity.hpp"
#include "seal/tpm_key.hpp"
#include "store/directory_lock.hpp"
#include "store/packet_writer.hpp"
#include "store/recovery.hpp"

namespace alibi::cli {
namespace {

/// Two rows of modules in one line of half blocks, dark on light whatever the
/// colours of the terminal are, with the quiet zone of ISO/IEC 18004.
std::string qr_code(const std::string& text) {
  constexpr int kQuiet = 4;
  const std::unique_ptr<QRcode, decltype(&::QRcode_free)> code(
      ::QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M), ::QRcode_free);
  if (!code) return "";
  const int width = code->width;
  const auto is_dark = [&](int row, int column) {
    return row >= 0 && row < width && column >= 0 && column < width &&
           (code->data[row * width + column] & 1) != 0;
  };
  std::string out;
  for (int row = -kQuiet; row < width + kQuiet; row += 2) {
    out += "\x1b[30;107m";
    for (int column = -kQuiet; column < width + kQuiet; ++column) {
      const bool upper = is_dark(row, column);
      const bool lower = is_dark(row + 1, column);
      out += upper ? (lower ? "\u2588" : "\u2580") : (lower ? "\u2584" : " ");
    }
    out += "\x1b[0m\n";
  }
  return out;
}

std::string text_of(const seal::Identity& identity, const std::filesystem::path& directory) {
  std::string recipients;
  for (const std::string& recipient : identity.recipients)
    recipients += fmt::format("encrypted for {}\n", recipient);
  return fmt::format(
      "origin        {}\n"
      "log key       {}\n"
      "epoch key     {}\n"
      "genesis hash  {}\n"
      "{}\n"
      "What is recorded into {} from now on is sealed. Copy the log key and the genesis hash to "
      "another machine, or photograph them, now: whoever checks this log later needs them from "
      "there, because a copy that stood beside the log proves nothing.\n",
      identity.origin, identity.log_key, identity.epoch_key, identity.genesis, recipients,
      directory.string());
}

/// Numbers that sealing begins with: those after the last ones in the log.
Result<seal::NewIdentity> begin_after(const std::filesystem::path& directory) {
  store::Disk& disk = store::real_disk();
  const store::Layout files{directory};
  seal::NewIdentity wanted{.version = ALIBI_VERSION};
  const auto events =
      store::recover(disk, files, seal::boot_id_now(), false, [](const event::Record&) {});
  if (!events) return std::unexpected(events.error());
  wanted.first_event = events->found.last_seq + 1;
  const auto has_packets = store::list_packet_files(disk, files);
  if (!has_packets) return std::unexpected(has_packets.error());
  if (has_packets->empty()) return wanted;
  const auto packets = store::PacketWriter::open(files, {});
  if (!packets) return std::unexpected(packets.error());
  wanted.first_packet = (*packets)->last_number() + 1;
  return wanted;
}

class Init : public Command {
 public:
  void declare(CLI::App& app) override {
    directory_.declare(app);
    app.add_flag("--qr", has_code_, "Print the QR code also where there is no terminal");
    app.add_flag("--show", is_show_, "Print the identity that is there, and change nothing");
    app.add_option("--recipient", recipients_,
                   "Encrypt the log for this age recipient (age1...); can be given more than once")
        ->type_name("AGE");
    app.add_flag("--tpm", has_tpm_,
                 "Let the TPM keep the log's key, so that a copy of the disk cannot sign");
    app.add_option("--tcti", tcti_,
                   fmt::format("With --tpm: how to reach it, as tpm2-tss writes it [{}]",
                               seal::kDefaultTcti))
        ->type_name("TCTI");
  }

  Result<int> run() override {
    const auto directory = directory_.value();
    if (is_show_ && !recipients_.empty())
      return fail(Errc::Usage, "--show changes nothing: leave --recipient away");
    for (const std::string& recipient : recipients_) {
      const auto parsed = seal::parse_recipients(recipient);
      if (!parsed || parsed->size() != 1 || parsed->front() != recipient)
        return fail(Errc::Usage,
                    fmt::format("--recipient {}: not an X25519 recipient of age (age1 and 58 "
                                "characters, as age-keygen prints it)",
                                recipient));
    }
    const auto identity =
        is_show_ ? seal::read_identity(store::real_disk(), {directory}) : make(directory);
    if (!identity) {
      if (is_show_ && identity.error().code == Errc::NotFound)
        return fail(Errc::NotFound,
                    directory.string() + " has no identity; `alibi init` makes one");
      return std::unexpected(identity.error());
    }
    Output out;
    out.write(text_of(*identity, directory));
    if (has_code_ || is_terminal())
      out.write("\n" + qr_code(identity->log_key + "\n" + identity->genesis + "\n"));
    return out.finish();
  }

 private:
  Result<seal::Identity> make(const std::filesystem::path& directory) {
    store::Disk& disk = store::real_disk();
    const store::Layout files{directory};
    if (const auto known = seal::read_identity(disk, {directory}); known)
      return fail(Errc::Denied, directory.string() + " has an identity already, " + known->origin +
                                    "; see it with `alibi init --show`");
    // As `alibi run` does; where this fails, the next line says why.
    std::error_code ignored;
    std::filesystem::create_directories(directory.parent_path(), ignored);
    if (auto done = disk.make_directory(directory); !done) return std::unexpected(done.error());
    if (auto done = disk.make_directory(files.events()); !done)
      return std::unexpected(done.error());
    const auto lock = store::lock_directory(files);
    if (!lock) return std::unexpected(lock.error());
    auto wanted = begin_after(directory);
    if (!wanted) return std::unexpected(wanted.error());
    if (!recipients_.empty() && (wanted->first_event != 1 || wanted->first_packet != 1))
      return fail(Errc::Usage, directory.string() +
                                   " has records already, which would stay readable: begin "
                                   "an encrypted log in an empty directory");
    wanted->recipients = recipients_;
    if (has_tpm_) wanted->tcti = tcti_.empty() ? seal::kDefaultTcti : tcti_;
    return seal::create_identity(disk, {directory}, *wanted);
  }

  DirectoryOption directory_;
  bool has_code_ = false;
  bool is_show_ = false;
  bool has_tpm_ = false;
  std::string tcti_;
  std::vector<std::string> recipients_;
};

}  // namespace

std::unique_ptr<Command> make_init() { return std::make_unique<Init>(); }

}  // namespace alibi::cli
