#include "store/layout.hpp"

#include <charconv>
#include <map>
#include <optional>
#include <string_view>

namespace alibi::store {
namespace {

constexpr std::size_t kNameDigits = 16;
constexpr std::size_t kPacketDigits = 20;

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

}  // namespace

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
  const auto entries = disk.list(layout.packets());
  if (!entries && entries.error().code == Errc::NotFound) return std::vector<PacketFiles>{};
  if (!entries) return std::unexpected(entries.error());
  std::map<std::uint64_t, PacketFiles> by_number;
  for (const auto& entry : *entries) {
    std::string_view ending;
    const auto number = number_in(entry.name, ending);
    if (!number || (ending != ".pcapng" && ending != ".pcapng.zst")) continue;
    PacketFiles& file = by_number[*number];
    file.first_packet = *number;
    file.bytes += entry.bytes;
    file.has_plain |= ending == ".pcapng";
    file.has_packed |= ending == ".pcapng.zst";
  }
  std::vector<PacketFiles> files;
  for (const auto& [number, file] : by_number)
    files.push_back(file);
  return files;
}

Result<std::vector<SegmentFiles>> list_segments(Disk& disk, const Layout& layout) {
  const auto entries = disk.list(layout.events());
  if (!entries) return std::unexpected(entries.error());
  std::map<std::uint64_t, SegmentFiles> by_number;
  for (const auto& entry : *entries) {
    std::string_view ending;
    const auto number = number_in(entry.name, ending);
    if (!number ||
        (ending != ".csv" && ending != ".csv.zst" && ending != ".idx" && ending != ".blocks"))
      continue;
    SegmentFiles& segment = by_number[*number];
    segment.first_seq = *number;
    segment.bytes += entry.bytes;
    segment.has_csv |= ending == ".csv";
    segment.has_packed |= ending == ".csv.zst";
    segment.has_index |= ending == ".idx";
  }
  std::vector<SegmentFiles> segments;
  for (const auto& [number, segment] : by_number) {
    if (segment.has_csv || segment.has_packed) segments.push_back(segment);
  }
  return segments;
}

}  // namespace alibi::store
