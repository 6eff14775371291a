#pragma once
// Kernel records of the packet ring to packets for the log, with their process,
// and to records about the requests found in them.
//
// A packet is translated a moment after it passed (packet_feed.hpp): what later
// packets and flow records say of its socket is then known. Thread: drain.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "packet/filter.hpp"
#include "packet/inspector.hpp"
#include "recorder/loss_ledger.hpp"
#include "recorder/packet_owners.hpp"
#include "recorder/packet_streams.hpp"
#include "recorder/translation.hpp"
#include "recorder/unowned_packets.hpp"
#include "store/packet_batch.hpp"

namespace alibi::recorder {

class PacketTranslator {
 public:
  /// `payload_filter`: null keeps the payload of all, as far as asked for.
  PacketTranslator(Translation& shared, PacketOwners& owners,
                   std::unique_ptr<packet::Filter> payload_filter);

  /// One record of the packet ring. False: its kind or length is not known.
  bool translate(std::span<const std::byte> bytes);

  /// From now on also what no socket owns.
  void add_unowned(std::unique_ptr<UnownedPackets> unowned) { unowned_ = std::move(unowned); }
  /// To be called when the packet ring is read up to now, less its lag.
  void drain_unowned(BootNs now, bool is_last);
  /// Packets of these that were lost.
  [[nodiscard]] std::uint64_t unowned_lost() { return unowned_ ? unowned_->lost() : 0; }

  /// What was translated since the last call.
  store::PacketBatch take();
  [[nodiscard]] std::size_t waiting() const { return batch_.packets.size(); }

  /// Tells the packets that the budget cut since the last call; once a second.
  void tell_cuts(LossLedger& losses, BootNs now);

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t streams_dropped() const { return inspector_->streams_dropped(); }

 private:
  struct Seen;  // one packet, while it is translated

  /// What was found out for a packet. The next one of the same socket and
  /// direction needs the same, as long as no other records were read between.
  struct Recent {
    bool is_valid = false;
    std::uint64_t turns = 0;  ///< of streams_ when `stream` was found
    std::uint64_t cookie = 0;
    alibi_process_key told{};  ///< by the kernel, as are the next three
    std::uint8_t owner_by = ALIBI_OWNER_NOBODY;
    std::uint8_t role = 0;
    std::uint8_t flags = 0;
    bool is_out = false;
    bool has_payload = false;
    StreamKey key;
    Stream* stream = nullptr;
    Attribution owner;
    Process* process = nullptr;
    std::uint32_t index = store::PacketBatch::kNobody;  ///< of process in the batch, once written
  };

  void note_gap(const alibi_header& header);
  [[nodiscard]] Recent& recent_of(const alibi_packet& fixed, const packet::Headers& headers);
  [[nodiscard]] bool is_recent(const Recent& recent, const alibi_packet& fixed,
                               const StreamKey& key, bool has_payload) const;
  void find_owner(Seen& seen);
  void note_beginning(const Seen& seen);
  [[nodiscard]] bool is_in_scope(const Seen& seen) const;
  void inspect(const Seen& seen);
  [[nodiscard]] std::size_t bytes_to_keep(const Seen& seen);
  void on_finding(const Seen& seen, const packet::Finding& finding);
  void on_given_up(const packet::Finding& finding);
  void tell(event::Record record, const StreamKey& key, const Stream& stream,
            const Attribution& owner, bool is_out);
  [[nodiscard]] bool is_within_budget(const Seen& seen, std::size_t bytes);
  void write(const Seen& seen, std::size_t bytes);
  void write_unowned(const UnownedPackets::Packet& packet);
  std::uint32_t owner_index(Process& process);

  Translation& shared_;
  PacketOwners& owners_;
  PacketStreams streams_;
  std::unique_ptr<packet::Filter> payload_filter_;
  std::unique_ptr<packet::Inspector> inspector_;
  std::unique_ptr<UnownedPackets> unowned_;  ///< null: not asked for
  store::PacketBatch batch_;
  std::set<std::pair<store::PacketDevice, std::string>> known_devices_;
  std::unordered_map<event::ProcessKey, std::uint32_t> owner_indexes_;  ///< of this batch
  std::array<Recent, 64> recent_;            ///< by cookie and direction, modulo its size
  std::vector<std::uint64_t> next_numbers_;  ///< per CPU; 0: none seen yet
  std::uint64_t dropped_ = 0;                ///< numbers missing before the next packet
  std::uint64_t packets_ = 0;
  std::uint64_t tokens_ = 0;  ///< bytes that the budget still allows
  BootNs tokens_at_;
  bool has_head_ = false;  ///< the inspector found something in this packet
  struct Cut {
    event::Record flow;  ///< columns of whose packets were cut
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    BootNs from;
    BootNs to;
  };
  std::unordered_map<std::uint64_t, Cut> cuts_;  ///< by stream id; kOthers: beyond kCutsMax
};

}  // namespace alibi::recorder
