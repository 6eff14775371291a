#include "verify/files.hpp"

#include <sys/file.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "event/number.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::verify {
namespace {

constexpr std::size_t kIndexDigits = 20;
constexpr const char* kNoDirectory = "a directory has no place here";

/// The number that `text` writes with at least `digits` digits.
std::optional<std::uint64_t> number_of(std::string_view text, std::size_t digits) {
  if (text.size() < digits || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  const auto begin = text.find_first_not_of('0');
  const auto number = begin == std::string_view::npos
                          ? std::optional<std::uint64_t>(0)
                          : event::parse_number<std::uint64_t>(text.substr(begin));
  if (!number || number_name(*number, digits, "") != text) return std::nullopt;
  return number;
}

struct Looker {
  Findings& findings;

  void malformed(std::string file, std::string reason) const {
    findings.add(Step::Files, Verdict::Malformed, {.file = std::move(file)}, std::move(reason));
  }

  /// A directory that may be absent. Errors: Io, Denied.
  Result<std::optional<Directory>> open(const Directory& in, const std::string& name) const {
    auto directory = in.directory(name);
    if (directory) return std::optional(std::move(*directory));
    if (directory.error().code == Errc::NotFound) return std::nullopt;
    if (directory.error().code != Errc::Corrupt) return std::unexpected(directory.error());
    malformed(name, directory.error().message);
    return std::nullopt;
  }

  Result<std::vector<Directory::Entry>> list(const Directory& directory,
                                             const std::string& name) const {
    auto entries = directory.list();
    if (entries || entries.error().code != Errc::Corrupt) return entries;
    malformed(name, entries.error().message);
    return std::vector<Directory::Entry>{};
  }

  /// leaves/, epochs/, cosigned/: the index of the first leaf, and an ending.
  Status index_files(const std::optional<Directory>& directory, const std::string& name,
                     std::string_view ending, std::set<std::uint64_t>& out) const {
    if (!directory) return {};
    const auto entries = list(*directory, name);
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {
      const std::string_view file = entry.name;
      const auto number = file.ends_with(ending)
                              ? number_of(file.substr(0, file.size() - ending.size()), kIndexDigits)
                              : std::nullopt;
      const std::string path = name + "/" + entry.name;
      if (!number || *number % seal::kLeavesPerFile != 0 || entry.is_directory) {
        malformed(path, "this file has no place here");
      } else if (entry.bytes > kSealFileBytesMax) {
        malformed(path, "the file is larger than any of its kind");
      } else {
        out.insert(*number);
      }
    }
    return {};
  }

  Status tokens(const std::optional<Directory>& directory, std::vector<Token>& out) const {
    if (!directory) return {};
    const auto entries = list(*directory, "log/receipts");
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {
      const std::string_view file = entry.name;
      if (entry.is_directory) malformed("log/receipts/" + entry.name, kNoDirectory);
      const auto dash = file.find('-');
      if (!file.ends_with(".tsr") || dash == std::string_view::npos) continue;
      const auto size = event::parse_number<std::uint64_t>(file.substr(0, dash));
      if (!size || entry.is_directory) continue;
      if (entry.bytes > kTokenBytesMax)
        malformed("log/receipts/" + entry.name, "no time-stamp token is that large");
      out.push_back(
          {*size, std::string(file.substr(dash + 1, file.size() - dash - 5)), entry.name});
    }
    return {};
  }

  /// Its files are asked for by name.
  Status live(const Evidence& evidence) const {
    if (!evidence.live) return {};
    const auto entries = list(*evidence.live, "live");
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries)
      if (entry.is_directory) malformed("live/" + entry.name, kNoDirectory);
    return {};
  }

  Status content(const std::optional<Directory>& directory, seal::Stream stream,
                 std::map<std::uint64_t, std::uint64_t>& out) const {
    if (!directory) return {};
    const std::string name(seal::name_of(stream));
    const auto entries = list(*directory, name);
    if (!entries) return std::unexpected(entries.error());
    const std::string ending = stream == seal::Stream::Events ? ".csv" : ".pcapng";
    const std::size_t digits = stream == seal::Stream::Events ? 16 : 20;
    for (const auto& entry : *entries) {
      if (entry.is_directory) malformed(name + "/" + entry.name, kNoDirectory);
      for (const auto& form : {ending, ending + ".zst", ending + ".zst.age"}) {
        if (entry.is_directory || !entry.name.ends_with(form)) continue;
        const auto number = number_of(
            std::string_view(entry.name).substr(0, entry.name.size() - form.size()), digits);
        if (number) out[*number] += entry.bytes;
      }
    }
    return {};
  }
};

Status look_at_log(const Looker& looker, Evidence& evidence) {
  const std::array<std::pair<std::optional<Directory>*, std::string>, 4> parts = {
      {{&evidence.leaves, "leaves"},
       {&evidence.epochs, "epochs"},
       {&evidence.cosigned, "cosigned"},
       {&evidence.receipts, "receipts"}}};
  for (const auto& [directory, name] : parts) {
    auto opened = looker.open(evidence.log, name);
    if (!opened) return std::unexpected(opened.error());
    *directory = std::move(*opened);
  }
  if (auto done = looker.index_files(evidence.leaves, "log/leaves", ".csv", evidence.leaf_files);
      !done)
    return done;
  if (auto done = looker.index_files(evidence.epochs, "log/epochs", ".txt", evidence.epoch_files);
      !done)
    return done;
  if (auto done =
          looker.index_files(evidence.cosigned, "log/cosigned", ".txt", evidence.cosigned_files);
      !done)
    return done;
  const auto listed = looker.list(evidence.log, "log");
  if (!listed) return std::unexpected(listed.error());
  for (const auto& entry : *listed) {
    const bool is_known = entry.name == "tile" || std::ranges::any_of(parts, [&](const auto& part) {
                            return part.second == entry.name;
                          });
    if (entry.is_directory && !is_known) looker.malformed("log/" + entry.name, kNoDirectory);
  }
  return looker.tokens(evidence.receipts, evidence.tokens);
}

}  // namespace

std::string number_name(std::uint64_t number, std::size_t digits, std::string_view ending) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text.append(ending);
}

std::string plain_name(seal::Stream stream, std::uint64_t segment) {
  return stream == seal::Stream::Events ? number_name(segment, 16, ".csv")
                                        : number_name(segment, 20, ".pcapng");
}

std::string seed_name(seal::Stream stream, std::uint64_t segment) {
  return number_name(segment, stream == seal::Stream::Events ? 16 : 20, ".seed");
}

bool has_seal(const Directory& top) {
  for (const char* name : {"log", "identity"}) {
    const auto part = top.directory(name);
    if (part || part.error().code != Errc::NotFound) return true;
  }
  return false;
}

Result<std::optional<Evidence>> look_at_files(Directory top, Findings& findings) {
  const Looker looker{findings};
  auto log = looker.open(top, "log");
  if (!log) return std::unexpected(log.error());
  if (!*log) {
    if (!findings.failed_by(Step::Files))
      findings.add(Step::Checkpoint, Verdict::Malformed, {.file = "log"},
                   "identity/ says that this log is sealed, and the seal is not here");
    return std::nullopt;
  }
  Evidence evidence{.top = std::move(top), .log = std::move(**log)};
  if (auto done = look_at_log(looker, evidence); !done) return std::unexpected(done.error());
  for (const seal::Stream stream : {seal::Stream::Events, seal::Stream::Packets}) {
    const bool is_events = stream == seal::Stream::Events;
    auto opened = looker.open(evidence.top, std::string(seal::name_of(stream)));
    if (!opened) return std::unexpected(opened.error());
    auto& directory = is_events ? evidence.events : evidence.packets;
    directory = std::move(*opened);
    const auto done = looker.content(
        directory, stream, is_events ? evidence.event_segments : evidence.packet_segments);
    if (!done) return std::unexpected(done.error());
  }
  auto live = looker.open(evidence.top, "live");
  if (!live) return std::unexpected(live.error());
  evidence.live = std::move(*live);
  if (auto done = looker.live(evidence); !done) return std::unexpected(done.error());
  if (findings.failed_by(Step::Files)) return std::nullopt;
  return evidence;
}

bool is_being_written(const Directory& top) {
  const auto lock = top.file("lock");
  if (!lock) return false;
  // A shared lock for an instant, as `alibi status` takes it: a recorder that
  // starts just now tries again.
  return ::flock(lock->fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace alibi::verify
