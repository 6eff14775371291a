#pragma once
// Packets for eyes and as JSON. Fields of the JSON form: alibi-packets(1).
// Everything that comes from packets passes printable() (style.hpp).
//
// Pure but for the day that PacketLines remembers. Thread: one per object.

#include <string>
#include <utility>

#include "event/diagnosis_names.hpp"
#include "packet/headers.hpp"
#include "query/packet_log.hpp"
#include "query/requests.hpp"
#include "report/style.hpp"

namespace alibi::report {

struct PacketView {
  const query::LoggedPacket& logged;
  const packet::Headers& headers;
  const query::Request* request;  ///< null: none ended here
};

/// One line per packet (and one for a body that was asked for), under a line for each new day, after a line for each loss.
class PacketLines {
 public:
  /// `names`: of the diagnoses that packets are marked with.
  explicit PacketLines(const Style& style, event::DiagnosisNames names = {})
      : style_(style), names_(std::move(names)) {}
  [[nodiscard]] std::string next(const PacketView& view);

 private:
  Style style_;
  event::DiagnosisNames names_;
  std::string day_;
};

/// One line without its end.
[[nodiscard]] std::string to_json(const PacketView& view);

}  // namespace alibi::report
