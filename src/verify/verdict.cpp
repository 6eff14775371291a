#include "verify/verdict.hpp"

namespace alibi::verify {

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Pass: return "PASS";
    case Verdict::PassGaps: return "PASS-GAPS";
    case Verdict::PassUnwitnessed: return "PASS-UNWITNESSED";
    case Verdict::PassStale: return "PASS-STALE";
    case Verdict::UnsealedTail: return "UNSEALED-TAIL";
    case Verdict::Unsealed: return "UNSEALED";
    case Verdict::Altered: return "ALTERED";
    case Verdict::Missing: return "MISSING";
    case Verdict::Reordered: return "REORDERED";
    case Verdict::Truncated: return "TRUNCATED";
    case Verdict::Rollback: return "ROLLBACK";
    case Verdict::Fork: return "FORK";
    case Verdict::BadSignature: return "BAD-SIGNATURE";
    case Verdict::BadEpoch: return "BAD-EPOCH";
    case Verdict::WrongKey: return "WRONG-KEY";
    case Verdict::TimeConflict: return "TIME-CONFLICT";
    case Verdict::GapUnexplained: return "GAP-UNEXPLAINED";
    case Verdict::BadBundle: return "BAD-BUNDLE";
    case Verdict::Undecryptable: return "UNDECRYPTABLE";
    case Verdict::Malformed: break;
  }
  return "MALFORMED";
}

std::string to_text(const Place& place) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (place.leaf) add("leaf " + std::to_string(*place.leaf));
  if (!place.file.empty()) add(place.file);
  if (place.offset) add("offset " + std::to_string(*place.offset));
  if (place.record) add("record " + std::to_string(*place.record));
  return text;
}

}  // namespace alibi::verify
