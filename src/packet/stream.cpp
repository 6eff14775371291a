#include "packet/stream.hpp"

#include <algorithm>

namespace alibi::packet {
namespace {

/// How far `to` is ahead of `from` (negative: behind), modulo 2^32.
std::int64_t distance(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}

std::span<const std::byte> part(std::span<const std::byte> bytes, std::uint64_t from,
                                std::uint64_t count) {
  if (from >= bytes.size()) return {};
  return bytes.subspan(from, std::min<std::uint64_t>(count, bytes.size() - from));
}

}  // namespace

void Stream::begin(std::uint32_t first_seq) {
  next_seq_ = first_seq;
  is_begun_ = true;
}

void Stream::add(std::uint32_t seq, std::span<const std::byte> bytes, std::uint32_t wire_bytes,
                 StreamSink& sink) {
  if (wire_bytes == 0) return;
  bytes = bytes.first(std::min<std::size_t>(bytes.size(), wire_bytes));
  if (!is_begun_) begin(seq);
  const std::int64_t ahead = distance(next_seq_, seq);
  const std::int64_t end = ahead + wire_bytes;
  if (end <= 0) return;  // all of it again
  const auto known = static_cast<std::uint64_t>(std::max<std::int64_t>(0, -ahead));
  const auto from = static_cast<std::uint64_t>(std::max<std::int64_t>(0, ahead));
  const auto fresh = part(bytes, known, wire_bytes);
  const std::uint64_t size = wire_bytes - known;
  if (from == 0 && waiting_.empty()) {
    deliver(fresh, size, sink);
    return;
  }
  keep(position_ + from, fresh, size);
  deliver_waiting(sink);
  while (is_hole_hopeless())
    give_up_hole(sink);
}

void Stream::acknowledge(std::uint32_t ack, StreamSink& sink) {
  if (!is_begun_) return;
  const std::int64_t ahead = distance(next_seq_, ack);
  if (ahead <= 0) return;
  acknowledged_ = std::max(acknowledged_, position_ + static_cast<std::uint64_t>(ahead));
  while (is_hole_hopeless())
    give_up_hole(sink);
}

void Stream::finish(StreamSink& sink) {
  while (!waiting_.empty())
    give_up_hole(sink);
}

/// Fills only what no earlier piece has.
void Stream::keep(std::uint64_t from, std::span<const std::byte> bytes, std::uint64_t size) {
  const std::uint64_t origin = from;
  const std::uint64_t end = from + size;
  const auto keep_part = [&](std::uint64_t begin, std::uint64_t stop) {
    const auto kept = part(bytes, begin - origin, stop - begin);
    waiting_[begin] = {{kept.begin(), kept.end()}, stop - begin};
    waiting_bytes_ += kept.size();
  };
  auto other = waiting_.upper_bound(from);
  if (other != waiting_.begin()) {
    const auto& [begin, piece] = *std::prev(other);
    from = std::max(from, begin + piece.size);
  }
  while (from < end) {
    const std::uint64_t stop = other == waiting_.end() ? end : std::min(end, other->first);
    if (from < stop) keep_part(from, stop);
    if (other == waiting_.end()) return;
    from = std::max(from, other->first + other->second.size);
    ++other;
  }
}

void Stream::deliver(std::span<const std::byte> bytes, std::uint64_t size, StreamSink& sink) {
  position_ += size;
  next_seq_ += static_cast<std::uint32_t>(size);
  if (!bytes.empty()) sink.on_bytes(bytes);
  if (size > bytes.size()) sink.on_missing(size - bytes.size());
}

void Stream::deliver_waiting(StreamSink& sink) {
  while (!waiting_.empty() && waiting_.begin()->first == position_) {
    const auto node = waiting_.extract(waiting_.begin());
    waiting_bytes_ -= node.mapped().bytes.size();
    deliver(node.mapped().bytes, node.mapped().size, sink);
  }
}

bool Stream::is_hole_hopeless() const {
  if (waiting_.empty()) return false;
  return acknowledged_ >= waiting_.begin()->first + 1 || waiting_bytes_ > kWaitingBytesMax ||
         waiting_.size() > kWaitingPiecesMax;
}

void Stream::give_up_hole(StreamSink& sink) {
  deliver({}, waiting_.begin()->first - position_, sink);
  deliver_waiting(sink);
}

}  // namespace alibi::packet
