#include "packet/capture_reader.hpp"

#include <fmt/format.h>

#include "packet/capture_formats.hpp"
#include "packet/pcapng_blocks.hpp"

namespace alibi::packet {

std::unexpected<Error> CaptureSource::corrupt(std::string_view what) const {
  return fail(Errc::Corrupt, fmt::format("{}: at byte {}: {}", name, window.offset(), what));
}

Result<bool> CaptureSource::fill(std::size_t bytes) {
  const auto is_there = window.fill(bytes);
  if (!is_there) {
    if (is_there.error().code == Errc::Corrupt) return corrupt(is_there.error().message);
    return during(name, is_there.error());
  }
  if (*is_there || window.bytes().empty() || kind == CaptureReader::Source::Growing)
    return is_there;
  return corrupt("the file ends within a packet or block");
}

Result<std::unique_ptr<CaptureReader>> CaptureReader::open(const std::filesystem::path& file,
                                                           Source source) {
  auto input = Input::open(file);
  if (!input) return std::unexpected(input.error());
  CaptureSource from{file == "-" ? "standard input" : file.string(), ReadWindow(std::move(*input)),
                     source};
  const auto is_there = from.fill(sizeof(std::uint32_t));
  if (!is_there) return std::unexpected(is_there.error());
  const std::uint32_t magic =
      *is_there ? load<std::uint32_t>(from.window.bytes(), 0, std::endian::little) : 0;
  if (magic == kSectionBlock) return open_pcapng(std::move(from));
  if (is_pcap_magic(magic)) return open_pcap(std::move(from));
  return fail(Errc::Corrupt, fmt::format("{}: this is no capture file (pcap or pcapng, plain, gzip "
                                         "or zstd)",
                                         from.name));
}

}  // namespace alibi::packet
