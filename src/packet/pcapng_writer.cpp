#include "packet/pcapng_writer.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "packet/byte_order.hpp"
#include "packet/pcapng_blocks.hpp"

namespace alibi::packet {
namespace {

constexpr auto kOrder = std::endian::little;
constexpr std::uint8_t kNanosecondResolution = 9;
constexpr std::size_t kOptionBytesMax = 0xfffc;  ///< a length field of 16 bits, and padding

/// What blocks are made of: numbers, padded bytes, at last options. Numbers are
/// gathered first: a packet has some twenty of them.
class Fields {
 public:
  explicit Fields(Blocks& out) : out_(out), begin_(out.size()) {}

  template <std::integral T>
  void number(T value) {
    if (gathered_ + sizeof value > few_.size()) flush();
    const T stored = in_order(value, kOrder);
    std::memcpy(few_.data() + gathered_, &stored, sizeof stored);
    gathered_ += sizeof stored;
  }
  void bytes(ByteSpan value) {
    flush();
    out_.insert(out_.end(), value.begin(), value.end());
    pad();
  }
  template <std::integral T>
  void number_option(std::uint16_t code, T value) {
    option_head(code, sizeof value);
    number(value);
    pad();
  }
  /// Left out when empty; what a length field cannot tell is cut.
  void text_option(std::uint16_t code, std::string_view value) {
    if (value.empty()) return;
    const auto text = value.substr(0, kOptionBytesMax);
    option_head(code, text.size());
    bytes(std::as_bytes(std::span(text)));
  }
  void time(WallNs time) {
    const auto ticks = static_cast<std::uint64_t>(time.ns);
    number(static_cast<std::uint32_t>(ticks >> 32));
    number(static_cast<std::uint32_t>(ticks));
  }
  void end_options() {
    if (has_options_) number<std::uint32_t>(kEndOfOptions);
    flush();
  }

 protected:
  void flush() {
    out_.insert(out_.end(), few_.begin(), few_.begin() + static_cast<std::ptrdiff_t>(gathered_));
    gathered_ = 0;
  }

  Blocks& out_;
  std::size_t begin_;

 private:
  void option_head(std::uint16_t code, std::size_t length) {
    has_options_ = true;
    number(code);
    number(static_cast<std::uint16_t>(length));
  }
  void pad() {
    while ((out_.size() - begin_ + gathered_) % 4 != 0)
      number<std::uint8_t>(0);
  }

  std::array<std::byte, 64> few_;  // the first gathered_ of them; not in out_ yet
  std::size_t gathered_ = 0;
  bool has_options_ = false;
};

/// One block: its first length field is filled in when it is complete.
class Block : public Fields {
 public:
  Block(Blocks& out, std::uint32_t type) : Fields(out) {
    number(type);
    number<std::uint32_t>(0);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    end_options();
    const auto length = static_cast<std::uint32_t>(out_.size() - begin_ + sizeof(std::uint32_t));
    number(length);
    flush();
    const std::uint32_t stored = in_order(length, kOrder);
    std::memcpy(out_.data() + begin_ + 4, &stored, sizeof stored);
  }
};

std::uint32_t narrow(std::uint64_t value) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

/// Arguments as the kernel keeps them: each with its terminating zero.
std::string joined(const std::vector<std::string>& args) {
  std::string text;
  for (const std::string& argument : args)
    (text += argument) += '\0';
  return text;
}

/// Body of an entry of Wireshark's custom block: always little-endian.
Blocks process_entry(const ProcessInfo& process) {
  Blocks entry;
  Fields fields(entry);
  fields.number(process.pid);
  fields.text_option(kComment, process.comment);
  fields.text_option(process_option::kName, process.name);
  fields.text_option(process_option::kPath, process.path);
  fields.text_option(process_option::kArguments, joined(process.args));
  if (process.parent_pid) fields.number_option(process_option::kParent, *process.parent_pid);
  if (process.uid) fields.number_option(process_option::kUid, *process.uid);
  fields.text_option(process_option::kUser, process.user);
  if (process.start_ns) fields.number_option(process_option::kStart, *process.start_ns);
  fields.end_options();
  return entry;
}

}  // namespace

void append_section(Blocks& out, const SectionInfo& info) {
  Block block(out, kSectionBlock);
  block.number(kByteOrderMagic);
  block.number<std::uint16_t>(1);
  block.number<std::uint16_t>(0);
  block.number(kSectionLengthUnknown);
  block.text_option(kComment, info.comment);
  block.text_option(section_option::kHardware, info.hardware);
  block.text_option(section_option::kOs, info.os);
  block.text_option(section_option::kApplication, info.application);
}

void append_interface(Blocks& out, const Interface& interface) {
  Block block(out, kInterfaceBlock);
  block.number(static_cast<std::uint16_t>(interface.link));
  block.number<std::uint16_t>(0);
  block.number(interface.snap_bytes);
  block.text_option(interface_option::kName, interface.name);
  block.text_option(interface_option::kDescription, interface.description);
  block.number_option(interface_option::kTimeResolution, kNanosecondResolution);
  if (!interface.filter.empty())  // the zero: a filter as text for libpcap
    block.text_option(interface_option::kFilter, std::string(1, '\0') + interface.filter);
}

void append_packet(Blocks& out, const Packet& packet, std::string_view comment) {
  Block block(out, kPacketBlock);
  block.number(packet.interface);
  block.time(packet.time);
  block.number(narrow(packet.bytes.size()));
  block.number(narrow(packet.original_bytes));
  block.bytes(packet.bytes);
  block.text_option(kComment, comment);
  if (packet.direction != Direction::Unknown)
    block.number_option(packet_option::kFlags, static_cast<std::uint32_t>(packet.direction));
  if (packet.dropped != 0) block.number_option(packet_option::kDropCount, packet.dropped);
  if (packet.id) block.number_option(packet_option::kPacketId, *packet.id);
  if (packet.pid) {
    const std::uint64_t both = *packet.pid | std::uint64_t{packet.tid.value_or(0)} << 32;
    block.number_option(packet_option::kProcessThread, both);
  }
}

void append_process(Blocks& out, const ProcessInfo& process) {
  const Blocks entry = process_entry(process);
  Block block(out, kCustomBlock);
  block.number(kWiresharkNumber);
  block.number(kProcessEntry);
  block.number(static_cast<std::uint32_t>(entry.size()));
  block.bytes(entry);
}

void append_name(Blocks& out, const event::IpAddress& address, std::string_view name) {
  const auto text = name.substr(0, name.find('\0')).substr(0, kOptionBytesMax - 20);
  const auto octets = std::as_bytes(address.octets());
  Block block(out, kNameBlock);
  block.number(address.is_v6 ? name_record::kIpv6 : name_record::kIpv4);
  block.number(static_cast<std::uint16_t>(octets.size() + text.size() + 1));
  Blocks record(octets.begin(), octets.end());
  const auto raw = std::as_bytes(std::span(text));
  record.insert(record.end(), raw.begin(), raw.end());
  record.push_back(std::byte{0});
  block.bytes(record);
  block.number<std::uint32_t>(name_record::kEnd);
}

void append_statistics(Blocks& out, std::uint32_t interface, WallNs time, std::uint64_t received,
                       std::uint64_t dropped) {
  Block block(out, kStatisticsBlock);
  block.number(interface);
  block.time(time);
  block.number_option(statistics_option::kReceived, received);
  block.number_option(statistics_option::kInterfaceDropped, dropped);
}

}  // namespace alibi::packet
