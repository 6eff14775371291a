#include "store/layout.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>

#include "event/number.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kNameDigits = 16;
constexpr std::size_t kPacketDigits = 20;
constexpr std::size_t kLeafBytesMax = 4096;  // docs/seal-format.md section 5

std::string name_of(std::uint64_t first_seq, std::string_view ending,
                    std::size_t least_digits = kNameDigits) {
  std::string digits = std::to_string(first_seq);
  if (digits.size() < least_digits) digits.insert(0, least_digits - digits.size(), '0');
  return digits.append(ending);
}

std::optional<std::uint64_t> number_in(std::string_view name, std::string_view& ending) {
  std::uint64_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const auto digits = static_cast<std::size_t>(stop - name.data());
  if (error != std::errc{} || digits < kNameDigits) return std::nullopt;
  ending = name.substr(digits);
  return number;
}

/// Whether the first leaf, of which nobody can change a byte, says `encrypted=1`.
bool has_encrypted_genesis(const std::filesystem::path& directory) {
  std::ifstream leaves(directory / "log" / "leaves" / (std::string(kPacketDigits, '0') + ".csv"));
  std::string genesis(kLeafBytesMax, '\0');
  leaves.getline(genesis.data(), static_cast<std::streamsize>(genesis.size()));
  genesis.resize(genesis.find('\0'));
  genesis += ' ';
  return genesis.starts_with("genesis,") && genesis.contains(" encrypted=1 ");
}

const char* name_of(SealStream stream) {
  return stream == SealStream::Events ? "events" : "packets";
}

std::string segment_name(SealStream stream, std::uint64_t segment, std::string_view ending) {
  return name_of(segment, ending, stream == SealStream::Events ? kNameDigits : kPacketDigits);
}

std::string live_name(SealStream stream, std::uint64_t segment, std::uint64_t block) {
  return std::string(name_of(stream)) + "-" + segment_name(stream, segment, "-") +
         std::to_string(block) + ".age";
}

/// The files of a folder that have a number for a name. Without a recorder there may be no
/// memory mounted, and without packets no folder for them: then there are none.
template <typename Add>
Status for_each_numbered(Disk& disk, const std::filesystem::path& folder, bool may_lack, Add add) {
  const auto entries = disk.list(folder);
  if (!entries)
    return may_lack && entries.error().code == Errc::NotFound ? Status{}
                                                              : std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    std::string_view ending;
    if (const auto number = number_in(entry.name, ending)) add(*number, ending, entry);
  }
  return {};
}

/// Closed files and blocks on the disk, by number of their segment.
template <typename Add>
Status for_each_encrypted(Disk& disk, const Layout& layout, SealStream stream, Add add) {
  if (!layout.is_encrypted()) return {};
  const auto live = list_live(disk, layout);
  if (!live) return std::unexpected(live.error());
  for (const LiveFile& file : *live)
    if (file.stream == stream) add(file.segment, file.bytes);
  return for_each_numbered(disk, layout.encrypted(stream, 0).parent_path(), true,
                           [&](std::uint64_t number, std::string_view, const Disk::Entry& entry) {
                             if (entry.name == layout.encrypted(stream, number).filename())
                               add(number, entry.bytes);
                           });
}

/// What there is of a stream, oldest first; `tell_plain` says whether an ending is one of its
/// files, and notes it.
template <typename Files, typename TellPlain>
Result<std::vector<Files>> list_stream(Disk& disk, const Layout& layout, SealStream stream,
                                       std::uint64_t Files::*number_of, TellPlain tell_plain) {
  std::map<std::uint64_t, Files> by_number;
  const auto add = [&](std::uint64_t number, std::uint64_t bytes) -> Files& {
    Files& files = by_number[number];
    files.*number_of = number;
    files.bytes += bytes;
    return files;
  };
  const bool is_events = stream == SealStream::Events;
  auto done = for_each_numbered(
      disk, is_events ? layout.events() : layout.packets(), !is_events || layout.is_encrypted(),
      [&](std::uint64_t number, std::string_view ending, const Disk::Entry& entry) {
        Files found;
        if (tell_plain(found, ending)) tell_plain(add(number, entry.bytes), ending);
      });
  if (done) {
    done = for_each_encrypted(disk, layout, stream, [&](std::uint64_t number, std::uint64_t bytes) {
      add(number, bytes).has_encrypted = true;
    });
  }
  if (!done) return std::unexpected(done.error());
  std::vector<Files> all;
  all.reserve(by_number.size());
  for (const auto& [number, files] : by_number)
    all.push_back(files);
  return all;
}

}  // namespace

Layout Layout::of(const std::filesystem::path& directory) {
  std::error_code missing;
  Layout layout{directory};
  if (std::filesystem::exists(directory / "identity" / "recipients", missing) ||
      has_encrypted_genesis(directory))
    layout.content = directory / "open";
  return layout;
}

std::filesystem::path Layout::encrypted(SealStream stream, std::uint64_t segment) const {
  const bool is_events = stream == SealStream::Events;
  return directory / name_of(stream) /
         segment_name(stream, segment, is_events ? ".csv.zst.age" : ".pcapng.zst.age");
}

std::filesystem::path Layout::live(SealStream stream, std::uint64_t segment,
                                   std::uint64_t block) const {
  return live() / live_name(stream, segment, block);
}

std::optional<LiveFile> parse_live_name(std::string_view name) {
  for (const auto stream : {SealStream::Events, SealStream::Packets}) {
    const std::string head = std::string(name_of(stream)) + "-";
    if (!name.starts_with(head)) continue;
    std::string_view rest;
    const auto segment = number_in(name.substr(head.size()), rest);
    if (!segment || !rest.starts_with('-')) return std::nullopt;
    const auto block = event::parse_number<std::uint64_t>(rest.substr(1, rest.find('.') - 1));
    if (!block || name != live_name(stream, *segment, *block)) return std::nullopt;
    return LiveFile{stream, *segment, *block, 0};
  }
  return std::nullopt;
}

Result<std::vector<LiveFile>> list_live(Disk& disk, const Layout& layout) {
  std::vector<LiveFile> files;
  if (!layout.is_encrypted()) return files;
  const auto entries = disk.list(layout.live());
  if (!entries && entries.error().code == Errc::NotFound) return files;
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries)
    if (const auto live = parse_live_name(entry.name)) {
      files.push_back(*live);
      files.back().bytes = entry.bytes;
    }
  std::ranges::sort(files, {}, [](const LiveFile& file) {
    return std::tuple(file.stream, file.segment, file.block);
  });
  return files;
}

bool Layout::has_identity() const {
  std::error_code missing;
  return std::filesystem::exists(directory / "identity" / "origin", missing);
}

std::filesystem::path Layout::csv(std::uint64_t first_seq) const {
  return events() / name_of(first_seq, ".csv");
}
std::filesystem::path Layout::blocks(std::uint64_t first_seq) const {
  return events() / name_of(first_seq, ".blocks");
}
std::filesystem::path Layout::packed(std::uint64_t first_seq) const {
  return events() / name_of(first_seq, ".csv.zst");
}
std::filesystem::path Layout::index(std::uint64_t first_seq) const {
  return events() / name_of(first_seq, ".idx");
}

std::filesystem::path Layout::pcapng(std::uint64_t first_packet) const {
  return packets() / name_of(first_packet, ".pcapng", kPacketDigits);
}
std::filesystem::path Layout::pcapng_packed(std::uint64_t first_packet) const {
  return packets() / name_of(first_packet, ".pcapng.zst", kPacketDigits);
}

Result<std::vector<PacketFiles>> list_packet_files(Disk& disk, const Layout& layout) {
  return list_stream(disk, layout, SealStream::Packets, &PacketFiles::first_packet,
                     [](PacketFiles& file, std::string_view ending) {
                       file.has_plain |= ending == ".pcapng";
                       file.has_packed |= ending == ".pcapng.zst";
                       return ending == ".pcapng" || ending == ".pcapng.zst";
                     });
}

Result<std::vector<SegmentFiles>> list_segments(Disk& disk, const Layout& layout) {
  auto segments = list_stream(disk, layout, SealStream::Events, &SegmentFiles::first_seq,
                              [](SegmentFiles& segment, std::string_view ending) {
                                segment.has_csv |= ending == ".csv";
                                segment.has_packed |= ending == ".csv.zst";
                                segment.has_index |= ending == ".idx";
                                return ending == ".csv" || ending == ".csv.zst" ||
                                       ending == ".idx" || ending == ".blocks";
                              });
  // An index or a list of blocks alone is none.
  if (segments) {
    std::erase_if(*segments, [](const SegmentFiles& segment) {
      return !segment.has_csv && !segment.has_packed && !segment.has_encrypted;
    });
  }
  return segments;
}

}  // namespace alibi::store
