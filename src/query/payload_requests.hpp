#pragma once
// What was asked for, read out of the payload of the packets themselves: of captures,
// which no event log is about, and bodies of requests, which no event log has.
//
// Bounded as packet::Inspector is, and kFlowsMax flows: those silent longest are
// forgotten. Thread: one.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>

#include "packet/inspector.hpp"
#include "query/requests.hpp"

namespace alibi::query {

class PayloadRequests {
 public:
  static constexpr std::size_t kFlowsMax = 65'536;

  explicit PayloadRequests(bool keeps_bodies);

  /// Of every packet, in the order of recording. What this one completed, the first of several,
  /// valid until the next call; null: nothing, or what is no request (certificates).
  const Request* add(const packet::Packet& packet, const packet::Headers& headers);

 private:
  struct Flow {
    std::uint64_t number = 0;
    event::Endpoint source;  ///< the side that began
  };
  using Ends = std::tuple<std::uint8_t, event::Endpoint, event::Endpoint>;  ///< smaller end first
  using Flows = std::map<Ends, Flow>;

  const Flow& flow_of(const packet::Headers& headers, const event::Endpoint& from,
                      const event::Endpoint& to);

  std::unique_ptr<packet::Inspector> inspector_;
  Flows young_, old_;  ///< seen since the last turn, and before it
  std::uint64_t flows_ = 0;
  std::optional<Request> found_;
};

}  // namespace alibi::query
