#include "query/coverage.hpp"

#include <charconv>

namespace alibi::query {
namespace {

using store::BootRecord;
using Go = store::LogReader::Go;

std::uint64_t count_of(const event::Record& loss) {
  const std::string_view text = loss.find_extra("count");
  std::uint64_t count = 1;  // a loss record without a number still says that something is missing
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace

Result<Coverage> coverage(store::LogReader& reader) {
  Coverage found;
  std::uint64_t first_seq = 0;
  auto done = reader.scan({}, store::Order::OldestFirst, [&](const BootRecord& entry) {
    found.first = entry.record.time;
    first_seq = entry.record.seq;
    return Go::Stop;
  });
  if (!done) return std::unexpected(done.error());
  done = reader.scan({}, store::Order::NewestFirst, [&](const BootRecord& entry) {
    found.last = entry.record.time;
    if (entry.record.seq >= first_seq) found.records = entry.record.seq - first_seq + 1;
    return Go::Stop;
  });
  if (!done) return std::unexpected(done.error());
  done = reader.scan({.all_of = {"kind:loss"}}, store::Order::OldestFirst,
                     [&](const BootRecord& entry) {
                       if (entry.record.kind == event::Kind::Loss)
                         found.lost_by_reason[entry.record.result] += count_of(entry.record);
                       return Go::On;
                     });
  if (!done) return std::unexpected(done.error());
  return found;
}

}  // namespace alibi::query
