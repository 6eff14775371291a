#include "seal/leaf.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/check.hpp"
#include "event/number.hpp"
#include "event/record.hpp"
#include "seal/bytes.hpp"
#include "seal/digest.hpp"

namespace alibi::seal {
namespace {

constexpr std::array<std::string_view, 14> kTypeNames = {
    "genesis", "start", "stop",  "block",     "epoch",   "segment", "recovery",
    "clock",   "loss",  "fault", "retention", "receipt", "key",     "note"};

/// What the value of a required key must be.
enum class Form : std::uint8_t { Text, Number, Time, Base64Hash, HexHash, Stream };
struct Required {
  std::string_view key;
  Form form = Form::Text;
};

std::span<const Required> required_of(LeafType type) {
  static constexpr Required kGenesis[] = {{"format", Form::Number},
                                          {"origin"},
                                          {"log_key"},
                                          {"epoch_key"},
                                          {"hideable"},
                                          {"epoch_ms", Form::Number},
                                          {"first_event", Form::Number},
                                          {"first_packet", Form::Number}};
  static constexpr Required kStop[] = {{"events", Form::Number}, {"packets", Form::Number}};
  static constexpr Required kBlock[] = {
      {"stream", Form::Stream}, {"segment", Form::Number}, {"block", Form::Number},
      {"offset", Form::Number}, {"bytes", Form::Number},   {"items", Form::Number},
      {"first", Form::Number},  {"last", Form::Number},    {"from", Form::Time},
      {"to", Form::Time},       {"root", Form::Base64Hash}};
  static constexpr Required kEpoch[] = {
      {"number", Form::Number}, {"leaves", Form::Number}, {"next"}};
  static constexpr Required kSegment[] = {
      {"stream", Form::Stream},  {"segment", Form::Number},      {"bytes", Form::Number},
      {"sha256", Form::HexHash}, {"packed_bytes", Form::Number}, {"packed_sha256", Form::HexHash}};
  static constexpr Required kRecovery[] = {
      {"stream", Form::Stream}, {"segment", Form::Number}, {"offset", Form::Number}};
  static constexpr Required kRetention[] = {
      {"stream", Form::Stream}, {"first", Form::Number}, {"last", Form::Number}};
  static constexpr Required kReceipt[] = {
      {"kind"}, {"size", Form::Number}, {"sha256", Form::HexHash}, {"name"}};
  static constexpr Required kWhat[] = {{"what"}};
  switch (type) {
    case LeafType::Genesis: return kGenesis;
    case LeafType::Stop: return kStop;
    case LeafType::Block: return kBlock;
    case LeafType::Epoch: return kEpoch;
    case LeafType::Segment: return kSegment;
    case LeafType::Recovery: return kRecovery;
    case LeafType::Retention: return kRetention;
    case LeafType::Receipt: return kReceipt;
    case LeafType::Key:
    case LeafType::Note: return kWhat;
    case LeafType::Start:
    case LeafType::Clock:
    case LeafType::Loss:
    case LeafType::Fault: return {};
  }
  return {};
}

std::optional<std::uint64_t> parse_63_bits(std::string_view text) {
  const auto number = event::parse_number<std::uint64_t>(text);
  if (!number || *number > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return number;
}

/// Only the one form that to_text gives, and nothing before 1970.
std::optional<WallNs> parse_leaf_time(std::string_view text) {
  const auto time = event::parse_time(text);
  if (!time || time->ns < 0 || event::to_text(*time) != text) return std::nullopt;
  return time;
}

std::optional<Stream> parse_stream(std::string_view text) {
  if (text == "events") return Stream::Events;
  if (text == "packets") return Stream::Packets;
  return std::nullopt;
}

bool has_form(std::string_view value, Form form) {
  switch (form) {
    case Form::Text: return true;
    case Form::Number: return parse_63_bits(value).has_value();
    case Form::Time: return parse_leaf_time(value).has_value();
    case Form::Base64Hash: return Hash::from_base64(value).has_value();
    case Form::HexHash: return Hash::from_hex(value).has_value();
    case Form::Stream: return parse_stream(value).has_value();
  }
  return false;
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(Errc::Corrupt, "leaf: " + std::string(what));
}

bool is_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
  });
}

bool is_bare(char byte) { return byte >= 0x21 && byte <= 0x7e && byte != '%'; }

std::string encode(std::string_view value) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char byte : value) {
    if (is_bare(byte)) {
      text += byte;
    } else {
      const auto number = static_cast<unsigned char>(byte);
      text += {'%', kDigits[number >> 4], kDigits[number & 15]};
    }
  }
  return text;
}

int upper_hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text) {
  std::string value;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_bare(text[at])) {
      value += text[at];
      continue;
    }
    if (text[at] != '%' || at + 2 >= text.size()) return std::nullopt;
    const int high = upper_hex_value(text[at + 1]);
    const int low = upper_hex_value(text[at + 2]);
    const auto byte = static_cast<char>(high * 16 + low);
    if (high < 0 || low < 0 || is_bare(byte)) return std::nullopt;
    value += byte;
    at += 2;
  }
  return value;
}

/// Cuts the longest values until `excess` bytes are gone. What a leaf requires is
/// short, so it stays whole.
void cut_values(std::vector<std::string>& values, std::size_t excess) {
  while (excess != 0) {
    auto& longest = *std::ranges::max_element(values, {}, &std::string::size);
    ALIBI_CHECK(!longest.empty());
    std::size_t keep = longest.size() - std::min(excess, longest.size());
    // Not within a %XX.
    for (std::size_t back = 1; back <= 2 && back <= keep; ++back) {
      if (longest[keep - back] == '%') keep -= back;
    }
    excess -= std::min(excess, longest.size() - keep);
    longest.resize(keep);
  }
}

Status parse_pairs(std::string_view text, Leaf& leaf) {
  while (!text.empty()) {
    const auto end = text.find(' ');
    const auto pair = text.substr(0, end);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || !is_key(pair.substr(0, equals)))
      return bad("a pair is not key=value");
    const auto key = pair.substr(0, equals);
    if (leaf.find(key) != nullptr) return bad("the key " + std::string(key) + " stands twice");
    auto value = decode(pair.substr(equals + 1));
    if (!value) return bad("the value of " + std::string(key) + " is not written as it must be");
    leaf.pairs.emplace_back(key, std::move(*value));
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
    if (text.empty()) return bad("a space at its end");
  }
  return {};
}

/// As /proc/sys/kernel/random/boot_id: 8-4-4-4-12 lower-case hexadecimal digits.
bool is_boot_id(std::string_view text) {
  constexpr std::string_view kForm = "00000000-0000-0000-0000-000000000000";
  return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char byte, char form) {
           if (form == '-') return byte == '-';
           return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
         });
}

}  // namespace

std::string_view name_of(LeafType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

std::optional<LeafType> leaf_type_of(std::string_view name) {
  const auto found = std::ranges::find(kTypeNames, name);
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<LeafType>(found - kTypeNames.begin());
}

std::string_view name_of(Stream stream) { return stream == Stream::Events ? "events" : "packets"; }

const std::string* Leaf::find(std::string_view key) const {
  const auto found = std::ranges::find(
      pairs, key, [](const auto& pair) -> std::string_view { return pair.first; });
  return found == pairs.end() ? nullptr : &found->second;
}

Result<std::uint64_t> Leaf::number(std::string_view key) const {
  const std::string* value = find(key);
  const auto number = value ? parse_63_bits(*value) : std::nullopt;
  if (!number) return bad(std::string(name_of(type)) + " needs the number " + std::string(key));
  return *number;
}

Result<std::string_view> Leaf::text(std::string_view key) const {
  const std::string* value = find(key);
  if (!value) return bad(std::string(name_of(type)) + " needs " + std::string(key));
  return *value;
}

std::string Leaf::to_line() const {
  std::string line(name_of(type));
  line.append(",").append(nonce).append(",").append(boot_id).append(",");
  event::append_number(line, boot.ns);
  line.append(",").append(event::to_text(time)).append(",");
  std::size_t size = line.size() + 1;
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs) {
    ALIBI_CHECK(is_key(key));
    values.push_back(encode(value));
    size += key.size() + 1 + values.back().size() + (values.size() == 1 ? 0 : 1);
  }
  if (size > kLeafBytesMax) cut_values(values, size - kLeafBytesMax);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i != 0) line += ' ';
    line.append(pairs[i].first).append("=").append(values[i]);
  }
  return line += '\n';
}

Result<Leaf> Leaf::from_line(std::string_view line) {
  if (line.size() > kLeafBytesMax) return bad("longer than 4096 bytes");
  if (line.empty() || line.find('\n') != line.size() - 1) return bad("not one whole line");
  line.remove_suffix(1);
  std::array<std::string_view, 5> fields;
  for (auto& field : fields) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return bad("it does not have six fields");
    field = line.substr(0, comma);
    line.remove_prefix(comma + 1);
  }
  Leaf leaf{.nonce = std::string(fields[1]), .boot_id = std::string(fields[2])};
  const auto type = leaf_type_of(fields[0]);
  if (!type) return bad("its type is not known");
  leaf.type = *type;
  const auto nonce = from_base64url(fields[1]);
  if (!nonce || nonce->size() != 16) return bad("the nonce is not 16 bytes in base64url");
  if (!is_boot_id(fields[2])) return bad("the boot id is none");
  const auto boot = parse_63_bits(fields[3]);
  const auto time = parse_leaf_time(fields[4]);
  if (!boot || !time) return bad("a time is not written as it must be");
  leaf.boot = {*boot};
  leaf.time = *time;
  if (auto done = parse_pairs(line, leaf); !done) return std::unexpected(done.error());
  for (const Required& required : required_of(leaf.type)) {
    const std::string* value = leaf.find(required.key);
    if (!value || !has_form(*value, required.form))
      return bad(std::string(fields[0]) + " has no " + std::string(required.key) +
                 ", or it is not written as it must be");
  }
  return leaf;
}

Leaf make_leaf(LeafType type, std::string boot_id,
               std::vector<std::pair<std::string, std::string>> pairs) {
  return {.type = type,
          .nonce = to_base64url(random_bytes(16)),
          .boot_id = std::move(boot_id),
          .boot = boot_now(),
          .time = wall_now(),
          .pairs = std::move(pairs)};
}

std::vector<std::pair<std::string, std::string>> BlockLeaf::to_pairs() const {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"stream", std::string(name_of(stream))},
      {"segment", std::to_string(segment)},
      {"block", std::to_string(block)},
      {"offset", std::to_string(offset)},
      {"bytes", std::to_string(bytes)},
      {"items", std::to_string(items)},
      {"first", std::to_string(first)},
      {"last", std::to_string(last)},
      {"from", event::to_text(from)},
      {"to", event::to_text(to)},
      {"root", root}};
  if (!adopted.empty()) pairs.emplace_back("adopted", adopted);
  return pairs;
}

Result<BlockLeaf> BlockLeaf::from_leaf(const Leaf& leaf) {
  if (leaf.type != LeafType::Block) return bad("it is no block leaf");
  BlockLeaf block;
  for (const auto& [key, to] : {std::pair("segment", &block.segment),
                                {"block", &block.block},
                                {"offset", &block.offset},
                                {"bytes", &block.bytes},
                                {"items", &block.items},
                                {"first", &block.first},
                                {"last", &block.last}}) {
    const auto number = leaf.number(key);
    if (!number) return std::unexpected(number.error());
    *to = *number;
  }
  const auto text = [&](std::string_view key) {
    const std::string* value = leaf.find(key);
    return value ? *value : std::string{};
  };
  const auto stream = parse_stream(text("stream"));
  const auto from = parse_leaf_time(text("from"));
  const auto to = parse_leaf_time(text("to"));
  if (!stream || !from || !to) return bad("block has no stream, from or to");
  block.stream = *stream;
  block.from = *from;
  block.to = *to;
  block.root = text("root");
  block.adopted = text("adopted");
  if (!Hash::from_base64(block.root)) return bad("the root of the block is no hash");
  return block;
}

}  // namespace alibi::seal
