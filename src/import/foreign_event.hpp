#pragma once
// One event of another system's log, before it is understood: which log, which
// number, which host, and its fields by name. The sources (EVTX, JSON lines)
// end here; what the fields mean is translate.hpp.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace alibi::import {

enum class Provider : std::uint8_t {
  Other,
  Sysmon,    ///< Microsoft-Windows-Sysmon, Linux-Sysmon
  Security,  ///< Microsoft-Windows-Security-Auditing
  Auoms,     ///< Azure's collector of Linux audit records
};

struct ForeignEvent {
  Provider provider = Provider::Other;
  std::uint32_t id = 0;       ///< EventID; 0 for auoms
  std::string host;           ///< as the log has it
  std::string record;         ///< EventRecordID, empty: the form does not keep it
  std::string logged;         ///< when the system logged it, as text; not always UTC
  std::string collected;      ///< when a collector took it, as text; UTC where present
  bool is_cut = false;        ///< the collector kept only the beginning
  bool is_recovered = false;  ///< from a part of the file that is damaged or unused
  std::vector<std::pair<std::string, std::string>> fields;

  /// The field, or empty; Sysmon's and Security's "-" is empty too.
  [[nodiscard]] std::string_view get(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value == "-" ? std::string_view{} : std::string_view(value);
    }
    return {};
  }
};

[[nodiscard]] inline Provider provider_of(std::string_view name) {
  if (name == "Microsoft-Windows-Sysmon" || name == "Linux-Sysmon") return Provider::Sysmon;
  if (name == "Microsoft-Windows-Security-Auditing") return Provider::Security;
  return Provider::Other;
}

/// Takes events and, with a reason, what could not be read as one.
struct EventSink {
  std::function<void(ForeignEvent&&)> event;
  std::function<void(std::string_view reason)> skipped;
};

}  // namespace alibi::import
