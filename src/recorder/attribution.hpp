#pragma once
// Who did it: from what was seen of a socket to one process, a grade and a
// reason, or to an honest "unknown". Pure functions; the rules are in
// docs/attribution.md and every one has a unit test.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/record.hpp"

namespace alibi::recorder {

struct SocketUser {
  event::ProcessKey key;
  std::string how;  ///< sent, received
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
};

/// What is known of the socket of one flow.
struct SocketFacts {
  enum class Role : std::uint8_t { Unknown, Client, Server, Datagram };
  Role role = Role::Unknown;
  std::optional<event::ProcessKey> creator;  ///< connected, listened or made the socket
  std::vector<SocketUser> users;  ///< seen doing I/O on it (Datagram: sending to this remote)
  std::vector<event::ProcessKey> other_users;  ///< Datagram: others seen using the socket
  std::vector<event::ProcessKey> holders;      ///< had a descriptor when tables were walked
  bool has_more_users = false;                 ///< the list of users is not complete
  bool can_see_users = true;                   ///< the sensor for users works
  bool is_sender_presumed = false;             ///< Datagram: the user was only seen connecting
};

struct Attribution {
  std::optional<event::ProcessKey> process;
  event::Grade grade = event::Grade::Unknown;
  std::string_view via;  ///< a literal
};

[[nodiscard]] Attribution attribute(const SocketFacts& facts);

}  // namespace alibi::recorder
