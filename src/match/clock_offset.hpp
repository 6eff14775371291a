#pragma once
// How far a host's clock is ahead of the capture's, from flows that both saw.
// Normative: docs/matching.md section 2. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace alibi::match {

/// A flow that capture and host may both have seen.
struct Coincidence {
  std::size_t clock = 0;
  std::int64_t ahead_ns = 0;  ///< start on the host's clock minus first packet
  std::string flow;           ///< addresses and ports: one flow votes once
  bool is_telling = false;    ///< has a port that is used for one connection only
};

struct Offset {
  enum class State : std::uint8_t {
    Unknown,    ///< nothing, or the coincidences contradict each other
    One,        ///< a single flow: nothing speaks for it but itself
    Estimated,  ///< several flows with different ports agree
  };
  State state = State::Unknown;
  std::int64_t ahead_ns = 0;   ///< host's clock minus capture's
  std::int64_t spread_ns = 0;  ///< between the lowest and highest that agree
  std::size_t flows = 0;       ///< that agree, of different ports
};

/// `precision_ns`: of the host's clock. One offset for each clock is found by
/// calling this with that clock's coincidences.
[[nodiscard]] Offset estimate_offset(std::vector<Coincidence> coincidences,
                                     std::int64_t precision_ns);

/// How far a flow's start may be from the offset to be the same flow.
[[nodiscard]] std::int64_t tolerance_ns(const Offset& offset, std::int64_t precision_ns);

}  // namespace alibi::match
