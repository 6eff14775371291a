#include "packet/inspector.hpp"

#include <list>
#include <unordered_map>

#include "packet/connection.hpp"
#include "packet/dns_finding.hpp"
#include "packet/quic.hpp"

namespace alibi::packet {
namespace {

/// Of all streams together: what a flood of half heads may cost.
constexpr std::size_t kAllBytesMax = 16 << 20;

/// Tells what is found in datagrams of one flow.
class DatagramSink : public FindingSink {
 public:
  DatagramSink(std::uint64_t stream, bool is_from_source, BootNs time, const Found& found)
      : stream_(stream), is_from_source_(is_from_source), time_(time), found_(found) {}

  void tell(Finding finding) override {
    finding.stream = stream_;
    finding.is_from_source = is_from_source_;
    finding.time = time_;
    found_(finding);
  }

 private:
  std::uint64_t stream_;
  bool is_from_source_;
  BootNs time_;
  const Found& found_;
};

/// One flow: a TCP connection, or datagrams with QUIC.
struct Entry {
  std::uint64_t stream = 0;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<QuicFlow> quic;
  std::size_t kept_bytes = 0;
  BootNs time;                 ///< of the last QUIC datagram
  bool is_from_source = true;  ///< that one

  void end(const Found& found) const {
    if (connection) connection->end(found);
    if (!quic) return;
    DatagramSink sink(stream, is_from_source, time, found);
    quic->end(sink);
  }
  [[nodiscard]] std::size_t count_kept_bytes() const {
    return (connection ? connection->kept_bytes() : 0) + (quic ? quic->kept_bytes() : 0);
  }
  [[nodiscard]] bool is_finished() const {
    return connection ? connection->is_finished() : count_kept_bytes() == 0;
  }
};

class StreamTable : public Inspector {
 public:
  explicit StreamTable(Options options) : options_(options) {}

  void add(std::uint64_t stream, bool is_from_source, BootNs time, const Headers& headers,
           const Found& found) override {
    if (!headers.is_transport_whole || !headers.is_first_fragment) return;
    if (headers.is_tcp()) add_segment(stream, is_from_source, time, headers, found);
    if (headers.is_udp()) add_datagram(stream, is_from_source, time, headers, found);
  }

  void add_piece(std::uint64_t stream, bool is_from_source, BootNs time, const HeadPiece& piece,
                 const Found& found) override {
    Entry& entry = entry_of(stream, found);
    if (!entry.connection) entry.connection = std::make_unique<Connection>(stream, options_);
    entry.connection->add_piece(is_from_source, time, piece, found);
    keep_bounds(entry, found);
  }

  void end(std::uint64_t stream, const Found& found) override {
    const auto known = by_name_.find(stream);
    if (known == by_name_.end()) return;
    known->second->end(found);
    forget(known->second);
  }

  [[nodiscard]] std::uint64_t streams_dropped() const override { return dropped_; }

 private:
  using Entries = std::list<Entry>;  ///< the one used last stands at the end

  void add_segment(std::uint64_t stream, bool is_from_source, BootNs time, const Headers& headers,
                   const Found& found) {
    if (const auto known = by_name_.find(stream);
        known != by_name_.end() && known->second->connection &&
        known->second->connection->is_succeeded_by(time, headers, is_from_source)) {
      end(stream, found);
    }
    Entry& entry = entry_of(stream, found);
    if (!entry.connection) entry.connection = std::make_unique<Connection>(stream, options_);
    entry.connection->add(is_from_source, time, headers, found);
    keep_bounds(entry, found);
  }

  void add_datagram(std::uint64_t stream, bool is_from_source, BootNs time, const Headers& headers,
                    const Found& found) {
    DatagramSink sink(stream, is_from_source, time, found);
    if (is_dns_port(headers.source_port) || is_dns_port(headers.destination_port)) {
      const std::size_t wire_bytes = headers.payload_bytes + (headers.is_fragment ? 1U : 0U);
      (void)tell_dns(headers.payload, wire_bytes, "udp", sink);
      return;
    }
    if (!is_quic_initial(headers.payload)) return;
    // What only looks like QUIC takes nobody's place.
    if (!by_name_.contains(stream)) {
      auto flow = std::make_unique<QuicFlow>();
      flow->add(headers.payload, sink);
      if (flow->is_empty()) return;
      entry_of(stream, found).quic = std::move(flow);
    } else if (const auto& known = by_name_[stream]->quic) {
      known->add(headers.payload, sink);
    }
    Entry& entry = entry_of(stream, found);
    entry.time = time;
    entry.is_from_source = is_from_source;
    keep_bounds(entry, found);
  }

  Entry& entry_of(std::uint64_t stream, const Found& found) {
    if (const auto known = by_name_.find(stream); known != by_name_.end()) {
      entries_.splice(entries_.end(), entries_, known->second);
      return *known->second;
    }
    if (entries_.size() == kStreamsMax) drop(entries_.begin(), found);
    Entry& made = entries_.emplace_back();
    made.stream = stream;
    by_name_[stream] = std::prev(entries_.end());
    return made;
  }

  void keep_bounds(Entry& changed, const Found& found) {
    const std::size_t kept = changed.count_kept_bytes();
    kept_bytes_ += kept - changed.kept_bytes;
    changed.kept_bytes = kept;
    for (auto oldest = entries_.begin(); kept_bytes_ > kAllBytesMax && oldest != entries_.end();) {
      const auto one = oldest++;
      if (one->kept_bytes > 0) drop(one, found);
    }
  }

  /// Gives way: what is half there is told, and the loss counted.
  void drop(Entries::iterator entry, const Found& found) {
    if (!entry->is_finished()) ++dropped_;
    entry->end(found);
    forget(entry);
  }

  void forget(Entries::iterator entry) {
    kept_bytes_ -= entry->kept_bytes;
    by_name_.erase(entry->stream);
    entries_.erase(entry);
  }

  Options options_;
  Entries entries_;
  std::unordered_map<std::uint64_t, Entries::iterator> by_name_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace

std::unique_ptr<Inspector> Inspector::make(Options options) {
  return std::make_unique<StreamTable>(options);
}

}  // namespace alibi::packet
