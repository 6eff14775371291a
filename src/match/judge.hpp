#pragma once
// Decides for every flow of a capture whose it is. Rules: docs/matching.md,
// which is normative. Pure: the same facts give the same judgements.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "match/clock_offset.hpp"
#include "match/host_flow.hpp"

namespace alibi::match {

enum class Verdict : std::uint8_t { Ours, Forwarded, NoRecord, Altered, NotOurs, Ambiguous };

[[nodiscard]] std::string_view to_text(Verdict verdict);

/// By what a flow of the capture was found in a log. From strong to weak.
enum class Method : std::uint8_t {
  Addresses,  ///< addresses, ports and time
  Sequence,   ///< first sequence numbers of TCP; addresses or ports were translated
  Payload,    ///< the same payload to the same end at that time; translated
  KeptPort,   ///< the same port, other end and time; the address was translated
  Twin,       ///< the same packets stand in the capture untranslated too
};

[[nodiscard]] std::string_view to_text(Method method);

/// One end of a flow that a host has a record of.
struct End {
  std::size_t flow = 0;  ///< index of Facts::flows
  Method method = Method::Addresses;
  Offset offset;         ///< by which it fits
  bool is_weak = false;  ///< one flow tells the clock, or the flow's time is not exact
};

struct Judgement {
  Verdict verdict = Verdict::NotOurs;
  std::vector<End> ends;                ///< the beginning side first; at most one for a host
  std::vector<std::size_t> candidates;  ///< of Ambiguous: indices of Facts::flows
  std::vector<std::string> altered;     ///< fields, and how
  std::string reason;
  std::optional<std::size_t> host;  ///< of NoRecord: whose address it is, index of Facts::hosts
  Offset offset;                    ///< of NoRecord: by which that host was looked at
};

struct Judgements {
  std::vector<Judgement> flows;  ///< one for each of Facts::capture
  std::vector<Offset> offsets;   ///< one for each of Facts::clocks
};

[[nodiscard]] Judgements judge(const Facts& facts);

}  // namespace alibi::match
