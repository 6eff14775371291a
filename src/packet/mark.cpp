#include "packet/mark.hpp"

#include <array>
#include <cstring>

#include "wire/alibi_mark.h"

namespace alibi::packet {

std::optional<Mark> find_mark(const Headers& headers) {
  const auto area = headers.mark_area;
  if (area.empty() || area.size() > ALIBI_MARK_BUFFER_BYTES) return std::nullopt;
  std::array<__u8, ALIBI_MARK_BUFFER_BYTES> buffer{};
  std::memcpy(buffer.data(), area.data(), area.size());
  alibi_mark found{};
  const auto bytes = static_cast<std::uint32_t>(area.size());
  if (headers.is_tcp())
    alibi_mark_parse_tcp(buffer.data(), bytes, &found);
  else
    alibi_mark_parse_udp(buffer.data(), bytes, headers.payload_bytes & 1, &found);
  if (found.form == ALIBI_MARK_ABSENT) return std::nullopt;
  Mark mark;
  mark.is_malformed = found.form == ALIBI_MARK_MALFORMED;
  mark.version = found.form == ALIBI_MARK_V2 ? 2 : 1;
  mark.key = found.key;
  for (unsigned k = 0; k < found.count; ++k)
    mark.diagnoses.push_back(
        {found.diagnoses[k].category, found.diagnoses[k].code, found.diagnoses[k].time_s});
  return mark;
}

std::string to_text(const Mark& mark, const event::DiagnosisNames& names) {
  if (mark.is_malformed) return "malformed";
  std::string text;
  for (const Mark::Diagnosis& diagnosis : mark.diagnoses)
    text += (text.empty() ? "" : ",") + names.text(diagnosis.category, diagnosis.code);
  return text;
}

}  // namespace alibi::packet
