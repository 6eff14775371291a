#pragma once
// One direction of a TCP connection put together again (RFC 9293, section 3.4:
// sequence numbers wrap). Segments may come twice, overlapping, out of order:
// the first copy of a byte wins, as it does in the receiver of a stream that
// was not tampered with. What never comes is told as missing.
//
// A hole is given up when the other side has acknowledged bytes behind it (it
// had them; the capture has not), when more than kWaitingBytesMax or
// kWaitingPiecesMax wait behind it, and at the end.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace alibi::packet {

class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void on_bytes(std::span<const std::byte> bytes) = 0;
  virtual void on_missing(std::uint64_t count) = 0;
};

class Stream {
 public:
  static constexpr std::size_t kWaitingBytesMax = 64 << 10;
  static constexpr std::size_t kWaitingPiecesMax = 256;

  /// The sequence number behind a SYN: where the first byte will be. Without a
  /// SYN the stream begins with the first bytes seen.
  void begin(std::uint32_t first_seq);
  /// `bytes` is what was kept of `wire_bytes` bytes that begin at `seq`.
  void add(std::uint32_t seq, std::span<const std::byte> bytes, std::uint32_t wire_bytes,
           StreamSink& sink);
  /// The other side has everything before `ack`.
  void acknowledge(std::uint32_t ack, StreamSink& sink);
  /// No more will come: what waits is handed out, holes are told.
  void finish(StreamSink& sink);

  [[nodiscard]] bool is_begun() const { return is_begun_; }
  [[nodiscard]] bool has_delivered() const { return position_ > 0; }
  [[nodiscard]] std::uint32_t next_seq() const { return next_seq_; }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  struct Piece {
    std::vector<std::byte> bytes;
    std::uint64_t size = 0;  ///< on the wire; bytes may be fewer
  };

  void keep(std::uint64_t from, std::span<const std::byte> bytes, std::uint64_t size);
  void deliver(std::span<const std::byte> bytes, std::uint64_t size, StreamSink& sink);
  void deliver_waiting(StreamSink& sink);
  void give_up_hole(StreamSink& sink);
  [[nodiscard]] bool is_hole_hopeless() const;

  std::map<std::uint64_t, Piece> waiting_;  ///< by position; disjoint, all behind position_
  std::uint64_t position_ = 0;              ///< bytes handed out or given up so far
  std::uint64_t acknowledged_ = 0;          ///< as a position
  std::size_t waiting_bytes_ = 0;
  std::uint32_t next_seq_ = 0;  ///< sequence number at position_
  bool is_begun_ = false;
};

}  // namespace alibi::packet
