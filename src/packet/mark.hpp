#pragma once
// The mark of a packet: what the host that sent it says about itself
// (docs/marking.md). Parsed by the code that the kernel programs use
// (wire/alibi_mark.h). Tags are not verified here: that needs a key.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/diagnosis_names.hpp"
#include "packet/headers.hpp"

namespace alibi::packet {

struct Mark {
  struct Diagnosis {
    std::uint8_t category = 0;
    std::uint8_t code = 0;
    std::uint32_t time_s = 0;  ///< since 1970, UTC
  };
  bool is_malformed = false;
  std::uint8_t version = 1;
  std::uint8_t key = 0;              ///< its number, version 2
  std::vector<Diagnosis> diagnoses;  ///< empty when it is malformed
};

/// Empty: none was kept.
[[nodiscard]] std::optional<Mark> find_mark(const Headers& headers);

/// "leak/1,malware/3", "malformed".
[[nodiscard]] std::string to_text(const Mark& mark, const event::DiagnosisNames& names);

}  // namespace alibi::packet
