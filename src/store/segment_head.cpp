#include "store/segment_head.hpp"

#include <unistd.h>

#include <array>

#include "event/csv.hpp"
#include "event/number.hpp"

namespace alibi::store {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::string make_head_text(LogWriter::SegmentHead head, const std::string& boot_id, BootNs boot,
                           WallNs time, Numbering& numbering) {
  event::Record segment;
  segment.boot = boot;
  segment.time = time;
  segment.kind = event::Kind::Segment;
  segment.extra = {{"format", "1"},
                   {"boot_id", boot_id},
                   {"host", head.host.empty() ? host_name() : head.host},
                   {"version", ALIBI_VERSION},
                   {"carried", std::to_string(head.carried.size())}};
  for (auto& pair : head.positions)
    segment.extra.push_back(std::move(pair));
  numbering.assign({&segment, 1});

  std::string text(event::csv_header());
  text += '\n';
  event::append_csv(text, segment);
  for (auto& record : head.carried) {
    numbering.assign_carried(record);
    event::append_csv(text, record);
  }
  return text;
}

std::string renumber(std::string_view lines, Numbering& numbering) {
  std::string text;
  std::uint64_t seq = numbering.last_seq();
  while (!lines.empty()) {
    const std::size_t length = lines.find('\n') + 1;
    const auto line = lines.substr(0, length);
    event::append_number(text, ++seq);
    text += line.substr(line.find(','));  // seq is the first column and never quoted
    lines.remove_prefix(length);
  }
  numbering.set_last_seq(seq);
  return text;
}

}  // namespace alibi::store
