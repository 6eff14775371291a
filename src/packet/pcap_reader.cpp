// The classic format: draft-ietf-opsawg-pcap, and what libpcap reads besides.

#include <algorithm>
#include <array>

#include "packet/capture_formats.hpp"
#include "packet/pcapng_blocks.hpp"

namespace alibi::packet {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
/// A. Kuznetzov's libpcap of old Linux systems: longer packet headers.
constexpr std::uint32_t kModified = 0xa1b2cd34;

constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;
constexpr std::size_t kModifiedPacketHeader = 24;

/// Early versions wrote the two lengths in the other order, 2.3 sometimes.
enum class Swapped : std::uint8_t { No, Yes, Maybe };

class PcapReader : public CaptureReader {
 public:
  explicit PcapReader(CaptureSource source) : source_(std::move(source)) {}

  Status read_header() {
    const auto is_there = source_.fill(kFileHeader);
    if (!is_there) return std::unexpected(is_there.error());
    if (!*is_there) return source_.corrupt("the file ends within its header");
    const ByteSpan bytes = source_.window.bytes();
    order_ = is_known(load<std::uint32_t>(bytes, 0, std::endian::little)) ? std::endian::little
                                                                          : std::endian::big;
    const auto magic = load<std::uint32_t>(bytes, 0, order_);
    unit_ns_ = magic == kNanoseconds ? 1 : 1000;
    header_bytes_ = magic == kModified ? kModifiedPacketHeader : kPacketHeader;
    if (auto done = read_version(bytes); !done) return done;
    interfaces_.push_back({.link = LinkType{load<std::uint16_t>(bytes, link_at(), order_)},
                           .snap_bytes = load<std::uint32_t>(bytes, 16, order_)});
    source_.window.consume(kFileHeader);
    return {};
  }

  Result<const Packet*> next() override {
    source_.window.consume(std::exchange(pending_, 0));
    auto is_there = source_.fill(header_bytes_);
    if (!is_there || !*is_there) return none_or_error(is_there);
    auto kept = load<std::uint32_t>(source_.window.bytes(), 8, order_);
    auto original = load<std::uint32_t>(source_.window.bytes(), 12, order_);
    if (swapped_ == Swapped::Yes || (swapped_ == Swapped::Maybe && kept > original))
      std::swap(kept, original);
    if (kept > kBlockBytesMax) return source_.corrupt("a packet longer than 16 MiB");
    is_there = source_.fill(header_bytes_ + kept);
    if (!is_there || !*is_there) return none_or_error(is_there);
    const ByteSpan bytes = source_.window.bytes();
    packet_.time.ns = std::int64_t{load<std::uint32_t>(bytes, 0, order_)} * 1'000'000'000 +
                      std::int64_t{load<std::uint32_t>(bytes, 4, order_)} * unit_ns_;
    packet_.link = interfaces_.front().link;
    packet_.original_bytes = original;
    packet_.bytes = bytes.subspan(header_bytes_, kept);
    pending_ = header_bytes_ + kept;
    return &packet_;
  }

  [[nodiscard]] std::size_t unread_bytes() const override {
    return source_.window.bytes().size() - pending_;
  }
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] const std::vector<ProcessInfo>& processes() const override { return no_processes_; }
  [[nodiscard]] const std::vector<HostName>& names() const override { return no_names_; }

  static bool is_known(std::uint32_t magic) {
    return magic == kMicroseconds || magic == kNanoseconds || magic == kModified;
  }

 private:
  static Result<const Packet*> none_or_error(const Result<bool>& is_there) {
    if (!is_there) return std::unexpected(is_there.error());
    return nullptr;
  }

  Status read_version(ByteSpan bytes) {
    const auto major = load<std::uint16_t>(bytes, 4, order_);
    const auto minor = load<std::uint16_t>(bytes, 6, order_);
    if (major < 2 || (major > 2 && major != 543))
      return source_.corrupt("a version of the pcap format that is not 2");
    if (major == 543 || minor < 3)
      swapped_ = Swapped::Yes;
    else if (minor == 3)
      swapped_ = Swapped::Maybe;
    return {};
  }

  /// The upper half of the field tells about frame check sequences.
  [[nodiscard]] std::size_t link_at() const { return order_ == std::endian::little ? 20 : 22; }

  CaptureSource source_;
  std::endian order_ = std::endian::little;
  std::int64_t unit_ns_ = 1000;
  std::size_t header_bytes_ = kPacketHeader;
  std::size_t pending_ = 0;  ///< bytes of the packet handed out
  Swapped swapped_ = Swapped::No;
  Packet packet_;
  std::vector<Interface> interfaces_;
  std::vector<ProcessInfo> no_processes_;
  std::vector<HostName> no_names_;
};

}  // namespace

bool is_pcap_magic(std::uint32_t first) {
  return PcapReader::is_known(first) || PcapReader::is_known(std::byteswap(first));
}

Result<std::unique_ptr<CaptureReader>> open_pcap(CaptureSource source) {
  auto reader = std::make_unique<PcapReader>(std::move(source));
  if (auto done = reader->read_header(); !done) return std::unexpected(done.error());
  return reader;
}

}  // namespace alibi::packet
