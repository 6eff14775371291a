#pragma once
// Walks the kernel's table of UDP, ICMP and raw conversations once a second and
// tells what began, what ended and what is worth an update.
//
// An ended conversation stays in the table until its record is in the log
// (commit), so that a crash in between loses nothing; after a restart
// restore() keeps what was told already from being told again.
// Thread: sweep() drain thread, commit() store thread; they share only the map.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/record.hpp"
#include "recorder/network_translator.hpp"
#include "wire/alibi_event.h"

namespace alibi::recorder {

/// What commit() needs to take one ended conversation out of the table.
struct ConversationEnd {
  alibi_conversation_key key;
  std::uint64_t last_ns = 0;
};

class Conversations {
 public:
  struct Times {
    std::uint64_t open_after_ns = 1'000'000'000;
    std::uint64_t idle_after_ns = 10'000'000'000;
    std::uint64_t update_after_ns = 0;
  };

  Conversations(int map_fd, Times times) : map_fd_(map_fd), times_(times) {}

  using Visit = std::function<void(const alibi_conversation_key&, const alibi_conversation&,
                                   NetworkTranslator::Moment, std::string_view reason)>;
  /// `released`: cookies of sockets that are gone. `end_all`: recording ends,
  /// everything is told as it stands. Returns the ends told. Errors: Io.
  Result<std::vector<ConversationEnd>> sweep(BootNs now, std::span<const std::uint64_t> released,
                                             bool end_all, const Visit& visit);

  /// The records of these ends are in the log: out of the table with them,
  /// unless a packet has come since.
  void commit(std::span<const ConversationEnd> ends) const;

  /// A flow record of the log that is being continued.
  void restore(const event::Record& record);

 private:
  struct State {
    bool is_open_told = false;
    std::uint64_t told_ns = 0;  ///< when an open or update was told
    std::uint64_t told_packets = 0;
    std::uint64_t end_told_ns = 0;  ///< last_ns of the end that was told; 0: none
    std::uint64_t sweep = 0;
  };

  State& state_of(const alibi_conversation_key& key, const alibi_conversation& value);

  int map_fd_;
  Times times_;
  std::uint64_t sweeps_ = 0;
  std::unordered_map<std::string, State> states_;    // key bytes -> state
  std::unordered_map<std::string, State> restored_;  // flow|remote|proto -> state
};

}  // namespace alibi::recorder
