#include "seal/positions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "event/number.hpp"
#include "seal/digest.hpp"

namespace alibi::seal {
namespace {

constexpr std::string_view kTitle = "alibi-positions-v1";

/// What may follow the end of a run without being of the next one.
bool may_follow_end(LeafType type) {
  return type == LeafType::Epoch || type == LeafType::Receipt || type == LeafType::Key ||
         type == LeafType::Note || type == LeafType::Genesis;
}

std::optional<Stream> stream_in(const Leaf& leaf) {
  const auto text = leaf.text("stream");
  if (!text) return std::nullopt;
  return *text == name_of(Stream::Packets) ? Stream::Packets : Stream::Events;
}

/// Words of a line, all numbers but the first.
std::optional<std::vector<std::uint64_t>> numbers_in(std::string_view line, std::string_view first,
                                                     std::size_t count) {
  if (!line.starts_with(first)) return std::nullopt;
  line.remove_prefix(first.size());
  std::vector<std::uint64_t> numbers;
  while (!line.empty()) {
    if (line.front() != ' ') return std::nullopt;
    line.remove_prefix(1);
    const auto number = event::parse_number<std::uint64_t>(line.substr(0, line.find(' ')));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
    line.remove_prefix(std::min(line.size(), line.find(' ')));
  }
  if (numbers.size() != count) return std::nullopt;
  return numbers;
}

}  // namespace

Status Positions::add(const Leaf& leaf) {
  ++size;
  ++epoch_leaves;
  boot_id = leaf.boot_id;
  boot = leaf.boot;
  time = leaf.time;
  ended_epoch.reset();
  if (leaf.type == LeafType::Stop)
    is_ended = true;
  else if (!may_follow_end(leaf.type))
    is_ended = false;
  if (leaf.type == LeafType::Genesis) {
    const auto first_event = leaf.number("first_event");
    const auto first_packet = leaf.number("first_packet");
    if (!first_event || !first_packet || *first_event == 0 || *first_packet == 0)
      return fail(Errc::Corrupt, "the genesis leaf does not say where sealing begins");
    last_event = *first_event - 1;
    last_packet = *first_packet - 1;
    if (const auto* key = leaf.find("epoch_key")) next_key = *key;
  } else if (leaf.type == LeafType::Block) {
    const auto block = BlockLeaf::from_leaf(leaf);
    if (!block) return std::unexpected(block.error());
    Position& position = segments[{block->stream, block->segment}];
    position.blocks = block->block + 1;
    position.offset = block->offset + block->bytes;
    auto& last = block->stream == Stream::Events ? last_event : last_packet;
    last = std::max(last, block->last);
  } else if (leaf.type == LeafType::Segment) {
    const auto segment = leaf.number("segment");
    if (const auto stream = stream_in(leaf); stream && segment)
      segments[{*stream, *segment}].has_segment_leaf = true;
  } else if (leaf.type == LeafType::Epoch) {
    const auto number = leaf.number("number");
    const auto next = leaf.text("next");
    if (!number || !next || *number != epoch)
      return fail(Errc::Corrupt, fmt::format("leaf {} does not end epoch {}", size - 1, epoch));
    ended_epoch = epoch++;
    epoch_leaves = 0;
    next_key = *next;
  }
  return {};
}

std::string Positions::to_text() const {
  std::string text = fmt::format("{}\nsize {} {} {} {} {}\n", kTitle, size, epoch, is_ended ? 1 : 0,
                                 last_event, last_packet);
  for (const auto& [id, position] : segments)
    text += fmt::format("{} {} {} {} {}\n", name_of(id.first), id.second, position.blocks,
                        position.offset, position.has_segment_leaf ? 1 : 0);
  return text + "sha256 " + sha256(text).to_hex() + "\n";
}

std::optional<Positions> Positions::from_text(std::string_view text) {
  const auto seal = text.rfind("sha256 ");
  if (seal == std::string_view::npos || !text.starts_with(kTitle) ||
      text.substr(seal) != "sha256 " + sha256(text.substr(0, seal)).to_hex() + "\n")
    return std::nullopt;
  text = text.substr(kTitle.size() + 1, seal - kTitle.size() - 1);
  Positions positions;
  bool is_first = true;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (std::exchange(is_first, false)) {
      const auto head = numbers_in(line, "size", 5);
      if (!head) return std::nullopt;
      positions.size = head->at(0);
      positions.epoch = head->at(1);
      positions.is_ended = head->at(2) != 0;
      positions.last_event = head->at(3);
      positions.last_packet = head->at(4);
      continue;
    }
    const auto stream =
        line.starts_with(name_of(Stream::Packets)) ? Stream::Packets : Stream::Events;
    const auto numbers = numbers_in(line, name_of(stream), 4);
    if (!numbers) return std::nullopt;
    positions.segments[{stream, numbers->at(0)}] = {numbers->at(1), numbers->at(2),
                                                    numbers->at(3) != 0};
  }
  if (is_first || positions.size == 0) return std::nullopt;
  return positions;
}

}  // namespace alibi::seal
