// draft-ietf-opsawg-pcapng. Blocks of unknown types are passed over.

#include <algorithm>

#include "packet/capture_formats.hpp"
#include "packet/pcapng_blocks.hpp"
#include "packet/pcapng_parts.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kSmallestBlock = 12;
constexpr std::size_t kSmallestSection = 28;

struct Block {
  std::uint32_t type = 0;
  ByteSpan body;
};

class PcapngReader : public CaptureReader {
 public:
  explicit PcapngReader(CaptureSource source) : source_(std::move(source)) {}

  Result<const Packet*> next() override {
    for (;;) {
      source_.window.consume(std::exchange(pending_, 0));
      const auto block = read_block();
      if (!block) return std::unexpected(block.error());
      if (!*block) return nullptr;
      const auto is_packet = take(**block);
      if (!is_packet) return std::unexpected(is_packet.error());
      if (*is_packet) return &packet_;
    }
  }

  [[nodiscard]] std::size_t unread_bytes() const override {
    return source_.window.bytes().size() - pending_;
  }
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] const std::vector<ProcessInfo>& processes() const override { return processes_; }
  [[nodiscard]] const std::vector<HostName>& names() const override { return names_; }

 private:
  Result<std::optional<Block>> read_block() {
    auto is_there = source_.fill(kSmallestBlock);
    if (!is_there) return std::unexpected(is_there.error());
    if (!*is_there) return std::nullopt;
    if (auto done = find_order(); !done) return std::unexpected(done.error());
    const auto type = load<std::uint32_t>(source_.window.bytes(), 0, order_);
    const auto length = load<std::uint32_t>(source_.window.bytes(), 4, order_);
    const std::size_t smallest = type == kSectionBlock ? kSmallestSection : kSmallestBlock;
    if (length < smallest || length % 4 != 0)
      return source_.corrupt("a block with an impossible length");
    if (length > kBlockBytesMax) return source_.corrupt("a block longer than 16 MiB");
    is_there = source_.fill(length);
    if (!is_there) return std::unexpected(is_there.error());
    if (!*is_there) return std::nullopt;
    const ByteSpan bytes = source_.window.bytes().first(length);
    if (load<std::uint32_t>(bytes, length - 4, order_) != length)
      return source_.corrupt("the two lengths of a block differ");
    pending_ = length;
    return Block{type, bytes.subspan(8, length - kSmallestBlock)};
  }

  /// A section header tells the byte order of all until the next one.
  Status find_order() {
    const ByteSpan bytes = source_.window.bytes();
    if (load<std::uint32_t>(bytes, 0, std::endian::little) != kSectionBlock) return {};
    const auto magic = load<std::uint32_t>(bytes, 8, std::endian::little);
    if (magic == kByteOrderMagic)
      order_ = std::endian::little;
    else if (std::byteswap(magic) == kByteOrderMagic)
      order_ = std::endian::big;
    else
      return source_.corrupt("a section header without byte-order magic");
    return {};
  }

  /// True: packet_ is one. Errors: Corrupt, Unsupported.
  Result<bool> take(const Block& block) {
    switch (block.type) {
      case kSectionBlock: return begin_section(block.body);
      case kInterfaceBlock: return add_interface(block.body);
      case kPacketBlock: return enhanced(block.body);
      case kSimplePacketBlock: return simple(block.body);
      case kOldPacketBlock: return old(block.body);
      case kNameBlock: return add_names(block.body);
      case kCustomBlock:
      case kCustomBlockNotCopied: return add_process(read_process_entry(block.body, order_));
      case kDarwinProcessBlock: {
        auto process = read_darwin_process(block.body, order_);
        darwin_pids_.push_back(process ? process->pid : 0);
        return add_process(std::move(process));
      }
      default: return false;
    }
  }

  Result<bool> begin_section(ByteSpan body) {
    if (load<std::uint16_t>(body, 4, order_) != 1)
      return source_.corrupt("a version of the pcapng format that is not 1");
    clocks_.clear();
    darwin_pids_.clear();
    first_interface_ = interfaces_.size();
    return false;
  }

  Result<bool> add_interface(ByteSpan body) {
    auto described = read_interface(body, order_);
    if (!described) return source_.corrupt("an interface block that is too short");
    const Interface& interface = described->interface;
    if (auto done = count(sizeof interface + interface.name.size() + interface.description.size() +
                          interface.filter.size());
        !done)
      return std::unexpected(done.error());
    clocks_.push_back(described->clock);
    interfaces_.push_back(std::move(described->interface));
    return false;
  }

  Result<bool> add_process(std::optional<ProcessInfo> process) {
    if (!process) return false;
    std::size_t bytes = sizeof *process + process->name.size() + process->path.size() +
                        process->user.size() + process->comment.size();
    for (const std::string& argument : process->args)
      bytes += sizeof argument + argument.size();
    if (auto done = count(bytes); !done) return std::unexpected(done.error());
    processes_.push_back(std::move(*process));
    return false;
  }

  Result<bool> add_names(ByteSpan body) {
    Status counted;
    for_each_name(body, order_, [&](HostName name) {
      counted = count(sizeof name + name.name.size());
      if (counted) names_.push_back(std::move(name));
      return counted.has_value();
    });
    if (!counted) return std::unexpected(counted.error());
    return false;
  }

  /// Descriptions are kept until the end; a file can not make us keep all memory.
  Status count(std::size_t bytes) {
    described_bytes_ += bytes;
    if (described_bytes_ <= kDescriptionBytesMax) return {};
    return fail(Errc::Unsupported, source_.name +
                                       ": more than 64 MiB of interfaces, processes and names; "
                                       "split the file, for example with editcap -c");
  }

  Result<bool> enhanced(ByteSpan body) {
    if (body.size() < 20) return source_.corrupt("a packet block that is too short");
    return whole_packet(load<std::uint32_t>(body, 0, order_), body);
  }

  Result<bool> old(ByteSpan body) {
    if (body.size() < 20) return source_.corrupt("a packet block that is too short");
    const auto is_packet = whole_packet(load<std::uint16_t>(body, 0, order_), body);
    const auto drops = load<std::uint16_t>(body, 2, order_);
    if (drops != UINT16_MAX) packet_.dropped = drops;
    return is_packet;
  }

  /// Both have time, lengths, data and options at the same places.
  Result<bool> whole_packet(std::uint32_t interface, ByteSpan body) {
    if (auto done = begin_packet(interface); !done) return std::unexpected(done.error());
    const std::uint64_t ticks = std::uint64_t{load<std::uint32_t>(body, 4, order_)} << 32 |
                                load<std::uint32_t>(body, 8, order_);
    const auto kept = load<std::uint32_t>(body, 12, order_);
    if (kept > body.size() - 20) return source_.corrupt("a packet longer than its block");
    packet_.time = clocks_[interface].time_of(ticks);
    packet_.original_bytes = load<std::uint32_t>(body, 16, order_);
    packet_.bytes = body.subspan(20, kept);
    read_packet_options(body.subspan(std::min(20 + padded(kept), body.size())));
    return true;
  }

  /// RFC-draft 4.4: belongs to the first interface, has no time; its data is
  /// cut to that interface's limit.
  Result<bool> simple(ByteSpan body) {
    if (body.size() < 4) return source_.corrupt("a packet block that is too short");
    if (auto done = begin_packet(0); !done) return std::unexpected(done.error());
    packet_.original_bytes = load<std::uint32_t>(body, 0, order_);
    std::uint64_t kept = packet_.original_bytes;
    if (const auto limit = interfaces_[first_interface_].snap_bytes; limit != 0)
      kept = std::min<std::uint64_t>(kept, limit);
    if (kept > body.size() - 4) return source_.corrupt("a packet longer than its block");
    packet_.bytes = body.subspan(4, kept);
    return true;
  }

  Status begin_packet(std::uint32_t interface) {
    if (interface >= clocks_.size())
      return source_.corrupt("a packet of an interface that was not described");
    packet_ = {};
    packet_.interface = static_cast<std::uint32_t>(first_interface_ + interface);
    packet_.link = interfaces_[packet_.interface].link;
    return {};
  }

  void read_packet_options(ByteSpan options) {
    for_each_option(options, order_, [this](std::uint16_t code, ByteSpan value) {
      read_packet_option(code, value);
    });
  }

  void read_packet_option(std::uint16_t code, ByteSpan value) {
    const auto first = read_number<std::uint32_t>(value, 0, order_);
    switch (code) {
      case kComment:
        if (packet_.comment.empty()) packet_.comment = text_of(value);
        break;
      case packet_option::kFlags:
        if (first) packet_.direction = direction_of(*first);
        break;
      case packet_option::kDropCount:
        packet_.dropped = read_number<std::uint64_t>(value, 0, order_).value_or(0);
        break;
      case packet_option::kPacketId:
        packet_.id = read_number<std::uint64_t>(value, 0, order_);
        break;
      case packet_option::kProcessThread:
        if (first && *first != 0) packet_.pid = first;
        if (const auto tid = read_number<std::uint32_t>(value, 4, order_); tid && *tid != 0)
          packet_.tid = tid;
        break;
      case packet_option::kDarwinProcess:
        if (first && *first < darwin_pids_.size()) packet_.pid = darwin_pids_[*first];
        break;
      default: break;
    }
  }

  static Direction direction_of(std::uint32_t flags) {
    return (flags & 3) == 1   ? Direction::In
           : (flags & 3) == 2 ? Direction::Out
                              : Direction::Unknown;
  }

  CaptureSource source_;
  std::endian order_ = std::endian::little;
  std::size_t pending_ = 0;  ///< bytes of the block handed out
  Packet packet_;
  std::vector<Interface> interfaces_;
  std::size_t first_interface_ = 0;         ///< of this section
  std::vector<InterfaceClock> clocks_;      ///< of this section's interfaces
  std::vector<std::uint32_t> darwin_pids_;  ///< of this section, by index
  std::vector<ProcessInfo> processes_;
  std::vector<HostName> names_;
  std::size_t described_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<CaptureReader>> open_pcapng(CaptureSource source) {
  return std::make_unique<PcapngReader>(std::move(source));
}

}  // namespace alibi::packet
