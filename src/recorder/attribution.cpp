#include "recorder/attribution.hpp"

#include <algorithm>

namespace alibi::recorder {
namespace {

using event::Grade;

const SocketUser& busiest(const std::vector<SocketUser>& users) {
  return *std::ranges::max_element(users, {},
                                   [](const SocketUser& u) { return u.bytes_out + u.bytes_in; });
}

/// The users that moved bytes; where nobody did, all of them.
std::vector<SocketUser> movers(const std::vector<SocketUser>& users) {
  std::vector<SocketUser> moving;
  std::ranges::copy_if(users, std::back_inserter(moving),
                       [](const SocketUser& u) { return u.bytes_out + u.bytes_in > 0; });
  return moving.empty() ? users : moving;
}

Attribution by_users(const SocketFacts& facts) {
  const auto moving = movers(facts.users);
  if (moving.size() == 1 && !facts.has_more_users) return {moving[0].key, Grade::Proven, "io"};
  return {busiest(moving).key, Grade::Ambiguous, "io_by_several"};
}

Attribution by_holders(const SocketFacts& facts) {
  if (facts.holders.size() == 1) return {facts.holders[0], Grade::Likely, "only_holder"};
  if (facts.holders.size() > 1) return {std::nullopt, Grade::Ambiguous, "several_holders"};
  return {std::nullopt, Grade::Unknown, "socket_older_than_recorder"};
}

Attribution stream(const SocketFacts& facts) {
  if (!facts.users.empty()) return by_users(facts);
  if (!facts.creator) return by_holders(facts);
  if (facts.role == SocketFacts::Role::Client) return {facts.creator, Grade::Proven, "connect"};
  // Accepted but never read or written: only the listening process is known.
  return {facts.creator, Grade::Likely, "listener"};
}

// It connected; whether it also sent is known by who else was seen sending.
Attribution by_connect(const SocketFacts& facts) {
  const event::ProcessKey connected = facts.users[0].key;
  auto others = facts.other_users;
  std::erase(others, connected);
  if (others.size() == 1) return {others[0], Grade::Likely, "only_user"};
  if (others.size() > 1) return {std::nullopt, Grade::Ambiguous, "several_users"};
  if (!facts.can_see_users) return {connected, Grade::Likely, "connect"};
  return {connected, Grade::Proven, "send"};
}

Attribution datagram(const SocketFacts& facts) {
  if (!facts.users.empty()) {
    if (facts.users.size() == 1 && facts.is_sender_presumed) return by_connect(facts);
    if (facts.users.size() == 1) return {facts.users[0].key, Grade::Proven, "send"};
    return {facts.users[0].key, Grade::Ambiguous, "send_by_several"};
  }
  if (facts.other_users.size() == 1) return {facts.other_users[0], Grade::Likely, "only_user"};
  if (facts.other_users.size() > 1) return {std::nullopt, Grade::Ambiguous, "several_users"};
  if (!facts.creator) return by_holders(facts);
  // Nobody else was seen using the socket, and use would have been seen.
  return {facts.creator, facts.can_see_users ? Grade::Proven : Grade::Likely, "socket_creator"};
}

}  // namespace

Attribution attribute(const SocketFacts& facts) {
  return facts.role == SocketFacts::Role::Datagram ? datagram(facts) : stream(facts);
}

}  // namespace alibi::recorder
