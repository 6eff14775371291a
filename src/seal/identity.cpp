#include "seal/identity.hpp"

#include <fstream>
#include <vector>

#include "base/clock.hpp"
#include "seal/age_file.hpp"
#include "seal/append_file.hpp"
#include "seal/bytes.hpp"
#include "seal/epoch_key.hpp"
#include "seal/leaf.hpp"
#include "seal/note.hpp"
#include "seal/tpm_key.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSmallFileBytes = 64ULL << 10;
constexpr const char* kHideable = "user,args,name,extra";
constexpr const char* kEpochMs = "10000";

std::string first_line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Write and sync, and its name too.
Status write_durably(store::Disk& disk, const fs::path& path, std::string_view text) {
  if (auto done = store::write_file(disk, path, text); !done) return done;
  return disk.sync_directory(path.parent_path());
}

Leaf genesis_leaf(const NewIdentity& wanted, const SigningKey& log_key,
                  const SigningKey& epoch_key) {
  Leaf leaf = make_leaf(LeafType::Genesis, boot_id_now(), {});
  leaf.time = wanted.time;
  const std::string machine = first_line_of("/etc/machine-id");
  leaf.pairs = {{"format", "1"},
                {"origin", log_key.verification_key().name},
                {"log_key", log_key.verification_key().to_text()},
                {"epoch_key", epoch_key.verification_key().to_text()},
                {"hideable", kHideable},
                {"epoch_ms", kEpochMs},
                {"first_event", std::to_string(wanted.first_event)},
                {"first_packet", std::to_string(wanted.first_packet)}};
  if (!machine.empty())
    leaf.pairs.emplace_back("machine", sha256(leaf.nonce + machine).to_base64());
  if (!wanted.version.empty()) leaf.pairs.emplace_back("version", wanted.version);
  if (!wanted.recipients.empty()) leaf.pairs.emplace_back("encrypted", "1");
  return leaf;
}

Status write_secrets(store::Disk& disk, const SealLayout& layout, const NewIdentity& wanted,
                     const SigningKey& log_key, const SigningKey& epoch_key) {
  // What an attempt before this one may have left.
  for (const fs::path& path : {layout.log_key(), layout.log_tpm(), layout.epoch_key()})
    (void)disk.remove(path);
  auto kept = wanted.tcti.empty() ? Result<std::string>(log_key.to_text() + "\n")
                                  : keep_in_tpm(log_key, wanted.tcti);
  if (!kept) return std::unexpected(kept.error());
  if (auto done =
          write_durably(disk, wanted.tcti.empty() ? layout.log_key() : layout.log_tpm(), *kept);
      !done)
    return done;
  auto keys = EpochKeyFile::open(disk, layout.epoch_key(), log_key.verification_key().name);
  if (!keys) return std::unexpected(keys.error());
  return keys->write(0, epoch_key);
}

}  // namespace

Result<Identity> create_identity(store::Disk& disk, const SealLayout& layout,
                                 const NewIdentity& wanted) {
  std::error_code missing;
  if (fs::exists(layout.origin(), missing))
    return fail(Errc::Denied, layout.directory.string() +
                                  " has an identity already: " + first_line_of(layout.origin()));
  for (const fs::path& path :
       {layout.identity(), layout.secret(), layout.log(), layout.leaves(0).parent_path(),
        layout.epochs(0).parent_path(), layout.cosigned(0).parent_path(), layout.log() / "tile"}) {
    if (auto done = disk.make_directory(path); !done) return std::unexpected(done.error());
  }
  const auto log_key = SigningKey::generate("alibi/" + to_hex(random_bytes(16)));
  const std::string& origin = log_key.verification_key().name;
  const auto epoch_key = SigningKey::generate(epoch_key_name(origin, 0));
  if (auto done = write_secrets(disk, layout, wanted, log_key, epoch_key); !done)
    return std::unexpected(done.error());
  const std::string line = genesis_leaf(wanted, log_key, epoch_key).to_line();
  const Hash genesis = leaf_hash(line);
  Note note;
  note.text = Checkpoint{origin, 1, genesis}.to_text();
  note.signatures = {sign_note(log_key, note.text), sign_note(epoch_key, note.text)};
  Identity identity{origin, log_key.verification_key().to_text(),
                    epoch_key.verification_key().to_text(), genesis.to_hex()};
  identity.recipients = wanted.recipients;
  std::string recipients;
  for (const std::string& recipient : wanted.recipients)
    recipients += recipient + "\n";
  std::vector<std::pair<fs::path, std::string>> files = {
      {layout.leaves(0), line},
      {layout.checkpoint(), note.to_text()},
      {layout.log_vkey(), identity.log_key + "\n"},
      {layout.epoch_vkey(), identity.epoch_key + "\n"},
      {layout.genesis(), identity.genesis + "\n"},
      {layout.origin(), identity.origin + "\n"}};  // with this one there is an identity
  if (!recipients.empty()) files.insert(files.begin(), {layout.recipients(), recipients});
  for (const auto& [path, text] : files)
    if (auto done = write_durably(disk, path, text); !done) return std::unexpected(done.error());
  if (auto done = disk.sync_directory(layout.directory); !done)
    return std::unexpected(done.error());
  return identity;
}

Result<Identity> read_identity(store::Disk& disk, const SealLayout& layout) {
  Identity identity;
  for (const auto& [path, to] : {std::pair{layout.origin(), &identity.origin},
                                 std::pair{layout.log_vkey(), &identity.log_key},
                                 std::pair{layout.epoch_vkey(), &identity.epoch_key},
                                 std::pair{layout.genesis(), &identity.genesis}}) {
    auto text = store::read_file(disk, path, kSmallFileBytes);
    if (!text) return std::unexpected(text.error());
    *to = text->substr(0, text->find('\n'));
  }
  const auto recipients = store::read_file(disk, layout.recipients(), kSmallFileBytes);
  if (!recipients && recipients.error().code == Errc::NotFound) return identity;
  if (!recipients) return std::unexpected(recipients.error());
  auto parsed = parse_recipients(*recipients);
  if (!parsed) return during(layout.recipients().string(), parsed.error());
  identity.recipients = std::move(*parsed);
  return identity;
}

Result<SigningKey> read_log_key(store::Disk& disk, const SealLayout& layout) {
  const auto text = store::read_file(disk, layout.log_key(), kSmallFileBytes);
  if (text) return SigningKey::from_text(std::string_view(*text).substr(0, text->find('\n')));
  if (text.error().code != Errc::NotFound) return std::unexpected(text.error());
  const auto kept = store::read_file(disk, layout.log_tpm(), kSmallFileBytes);
  if (!kept) return std::unexpected(text.error());
  return key_from_tpm(*kept);
}

std::string boot_id_now() { return first_line_of("/proc/sys/kernel/random/boot_id"); }

}  // namespace alibi::seal
