#pragma once
// What user space remembers of sockets that are still open: holders, users of
// datagram sockets, listening ports, and connects that ended a moment ago.
//
// Everything is bounded; the oldest entry goes first. Losing an entry makes an
// attribution less certain, never wrong: a fact that is gone is not assumed.

#include <cstdint>
#include <list>
#include <set>
#include <unordered_map>
#include <vector>

#include "event/process_key.hpp"

namespace alibi::recorder {

class SocketBook {
 public:
  static constexpr std::size_t kMaxSockets = 65536;
  static constexpr std::size_t kMaxPeople = 16;

  struct Socket {
    std::vector<event::ProcessKey> holders;
    std::vector<event::ProcessKey> users;  ///< datagram sockets only
  };

  void add_holder(std::uint64_t cookie, event::ProcessKey process);
  void add_user(std::uint64_t cookie, event::ProcessKey process);
  /// Null when nothing is known.
  [[nodiscard]] const Socket* find(std::uint64_t cookie) const;
  void forget(std::uint64_t cookie);

  void add_listener(std::uint32_t net_ns, std::uint16_t port) { listening_.insert({net_ns, port}); }
  void remove_listener(std::uint32_t net_ns, std::uint16_t port);
  [[nodiscard]] bool is_listening(std::uint32_t net_ns, std::uint16_t port) const {
    return listening_.contains({net_ns, port});
  }

  /// A TCP flow ended with this errno; the connect(2) that returns the same is
  /// the same event seen twice.
  void note_closed(std::uint64_t cookie, int error);
  /// True once for each noted end.
  bool absorb_connect_error(std::uint64_t cookie, int error);

 private:
  Socket& at(std::uint64_t cookie);

  static constexpr std::size_t kMaxClosed = 4096;
  std::unordered_map<std::uint64_t, Socket> sockets_;
  std::list<std::uint64_t> by_age_;
  std::multiset<std::pair<std::uint32_t, std::uint16_t>> listening_;
  std::unordered_map<std::uint64_t, int> closed_;
  std::list<std::uint64_t> closed_by_age_;
};

}  // namespace alibi::recorder
