#pragma once
// Every way an event can be missing, counted where it happens and turned into
// `loss` records (docs/loss.md). A count is never told twice and never
// forgotten: each record carries the total so far, and a restarted recorder
// goes on from the totals it finds in the log.
//
// Not thread-safe; drain thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "event/record.hpp"
#include "wire/alibi_event.h"

namespace alibi::recorder {

struct Loss {
  std::string reason;  ///< ring_full, perf_buffer_full, ...
  std::string what;    ///< kind of kernel record, or of sensor
  std::uint64_t count = 0;
  std::uint64_t total = 0;  ///< of this reason and what, since the log began counting
  BootNs from;              ///< they happened after this ...
  BootNs to;                ///< ... and before this
};

class LossLedger {
 public:
  /// Totals that were told before: from `loss` records and segment heads.
  void restore(const event::Record& record);
  /// After restore(): the counters observed from now on began at zero, apart
  /// from those of the rings when the rings were taken over.
  void begin(bool has_taken_over_rings);
  /// For the `segment` record: "ring_full/exec=12,...", empty if nothing was lost.
  [[nodiscard]] std::string totals_text() const;

  /// The counter `reason`/`what` of its source stands at `counter` now.
  void observe(std::string_view reason, std::string_view what, std::uint64_t counter, BootNs now);
  void observe(const std::vector<alibi_counters>& counters, BootNs now);

  /// Losses whose records the caller makes itself. Returns the total.
  std::uint64_t add_told(std::string_view reason, std::string_view what, std::uint64_t count);

  /// What came since the last call.
  [[nodiscard]] std::vector<Loss> take() { return std::exchange(fresh_, {}); }

  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] std::map<std::string, std::uint64_t> by_reason() const;

 private:
  struct Line {
    std::uint64_t told = 0;
    std::uint64_t base = 0;  ///< told when the observed counter began at zero
    BootNs checked;
  };
  std::map<std::pair<std::string, std::string>, Line> lines_;
  std::vector<Loss> fresh_;
};

[[nodiscard]] event::Record to_record(const Loss& loss);

}  // namespace alibi::recorder
