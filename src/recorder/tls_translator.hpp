#pragma once
// Kernel records from inside of TLS libraries to records of requests and
// responses (docs/requests.md).
//
// Bounded: kSessionsMax sessions. Thread: drain.

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include "packet/inspector.hpp"
#include "recorder/loss_ledger.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

class TlsTranslator {
 public:
  static constexpr std::size_t kSessionsMax = packet::Inspector::kStreamsMax;

  explicit TlsTranslator(Translation& shared);

  /// One record of the ring. False: its kind or length is not known.
  bool translate(std::span<const std::byte> bytes);

  /// Sessions of which no request could be read, because their beginning was not
  /// seen, since the last call; each is told in the log by this.
  void tell_unreadable(LossLedger& losses, BootNs now);
  [[nodiscard]] std::uint64_t sessions_dropped() const {
    return dropped_ + inspector_->streams_dropped();
  }

 private:
  struct Key {
    event::ProcessKey process;
    std::uint64_t session = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Session {
    Key key;
    alibi_tls latest{};     ///< its newest record, for the connection
    bool is_client = true;  ///< its process asks
  };

  Session& session_of(const alibi_tls& fixed, std::uint64_t& id);
  void end(const Key& key);
  void make_room();
  void on_finding(const packet::Finding& finding);
  void describe(event::Record& record, const Session& session) const;

  Translation& shared_;
  std::unique_ptr<packet::Inspector> inspector_;
  std::unordered_map<Key, std::uint64_t, KeyHash> ids_;
  std::unordered_map<std::uint64_t, Session> sessions_;
  std::vector<event::Record> unreadable_;
  std::uint64_t last_id_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace alibi::recorder
