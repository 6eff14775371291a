#include "disclose/line_choice.hpp"

#include <algorithm>
#include <array>

#include "event/number.hpp"
#include "event/record.hpp"

namespace alibi::disclose {
namespace {

constexpr std::int64_t kMicrosecondNs = 1000;

/// Times in the log are rounded down to microseconds, so the bounds are, too.
std::int64_t micros(WallNs time) { return time.ns / kMicrosecondNs; }

/// The number after `records=` among pairs of `extra`, 0: none.
std::uint64_t records_said(std::string_view extra) {
  if (extra.starts_with('"') && extra.ends_with('"') && extra.size() > 1)
    extra = extra.substr(1, extra.size() - 2);
  constexpr std::string_view kKey = "records=";
  while (!extra.empty()) {
    const auto pair = extra.substr(0, extra.find(' '));
    if (pair.starts_with(kKey))
      return event::parse_number<std::uint64_t>(pair.substr(kKey.size())).value_or(0);
    extra.remove_prefix(std::min(pair.size() + 1, extra.size()));
  }
  return 0;
}

}  // namespace

Result<LineChoice> LineChoice::from(const Request& request, const seal::Columns& columns) {
  LineChoice choice(request);
  const auto names = seal::split_fields(columns.header());
  choice.columns_ = names.size();
  for (const auto& [name, to] : {std::pair("seq", &choice.seq_),
                                 {"time", &choice.time_},
                                 {"kind", &choice.kind_},
                                 {"process", &choice.process_},
                                 {"process_seq", &choice.process_seq_},
                                 {"extra", &choice.extra_}}) {
    const auto found = std::ranges::find(names, std::string_view(name));
    if (found == names.end())
      return fail(Errc::Corrupt, std::string("the segments have no column ") + name);
    *to = static_cast<std::size_t>(found - names.begin());
  }
  return choice;
}

bool LineChoice::meets(const seal::BlockLeaf& block) const {
  return request_->has_interval() &&
         (!request_->from || micros(block.to) >= micros(*request_->from)) &&
         (!request_->to || micros(block.from) <= micros(*request_->to));
}

bool LineChoice::can_have(const seal::BlockLeaf& block) const {
  if (block.stream != seal::Stream::Events) return false;
  const bool has_numbered = std::ranges::any_of(request_->records, [&](std::uint64_t seq) {
    return seq >= block.first && seq <= block.last;
  });
  if (has_numbered || meets(block)) return true;
  return !request_->has_interval() && request_->has_filter();
}

bool LineChoice::is_in_time(std::string_view text) const {
  if (!request_->has_interval()) return true;
  const auto time = event::parse_time(text);
  return time && (!request_->from || micros(*time) >= micros(*request_->from)) &&
         (!request_->to || micros(*time) <= micros(*request_->to));
}

LineChoice::Own* LineChoice::own_of(std::string_view process) {
  const auto key = event::parse_process_key(process);
  if (!key) return nullptr;
  const bool is_wanted = std::ranges::any_of(request_->processes, [&](const ProcessChoice& choice) {
    return choice.key ? *choice.key == *key : choice.pid == key->pid;
  });
  return is_wanted ? &own_[*key] : nullptr;
}

bool LineChoice::takes(std::string_view line) {
  const auto fields = seal::split_fields(line);
  if (fields.size() != columns_) return false;
  const auto seq = event::parse_number<std::uint64_t>(fields[seq_]);
  const bool is_asked = seq && std::ranges::binary_search(request_->records, *seq);
  if (is_asked) met_.insert(*seq);
  const auto own_seq = event::parse_number<std::uint64_t>(fields[process_seq_]);
  Own* const own = own_seq && !request_->processes.empty() ? own_of(fields[process_]) : nullptr;
  const bool is_wanted =
      request_->has_filter() && (request_->processes.empty() || own != nullptr) &&
      (request_->kinds.empty() ||
       std::ranges::find(request_->kinds, fields[kind_]) != request_->kinds.end()) &&
      is_in_time(fields[time_]);
  const bool is_shown = is_asked || is_wanted;
  if (own != nullptr) {
    own->is_twice |= own->shown.contains(*own_seq);
    if (own->shown.empty() || *own_seq > own->shown.rbegin()->first)
      own->said = records_said(fields[extra_]);
    own->shown[*own_seq] = is_shown;
  }
  return is_shown;
}

std::vector<std::uint64_t> LineChoice::take(const seal::BlockLeaf& block, std::string_view bytes) {
  std::vector<std::uint64_t> wanted;
  for (std::uint64_t item = 0; !bytes.empty(); ++item) {
    const auto line = bytes.substr(0, bytes.find('\n') + 1);
    if (line.empty()) break;
    if (!(item == 0 && block.offset == 0) && takes(line)) wanted.push_back(item);
    bytes.remove_prefix(line.size());
  }
  return wanted;
}

std::vector<std::uint64_t> LineChoice::records_not_met() const {
  std::vector<std::uint64_t> missing;
  for (const std::uint64_t seq : request_->records) {
    if (!met_.contains(seq)) missing.push_back(seq);
  }
  return missing;
}

Status LineChoice::check_names() const {
  for (const ProcessChoice& choice : request_->processes) {
    std::string found;
    std::size_t count = 0;
    for (const auto& [key, own] : own_) {
      if (key.pid != choice.pid || (choice.key && *choice.key != key)) continue;
      found += (count++ == 0 ? "" : ", ") + to_text(key);
    }
    const std::string name = choice.key ? to_text(*choice.key) : std::to_string(choice.pid);
    if (count == 0)
      return fail(Errc::NotFound, "process " + name + ": no sealed record of it there");
    if (count > 1)
      return fail(Errc::Usage,
                  "process id " + name + " was used more than once; give one of " + found);
  }
  return {};
}

Result<LineChoice::Claims> LineChoice::claims() const {
  if (auto done = check_names(); !done) return std::unexpected(done.error());
  Claims claims;
  for (const auto& [key, own] : own_) {
    if (own.is_twice)
      return fail(Errc::Usage, "process " + to_text(key) +
                                   " was used in two boots; say which time with --from and --to");
    const auto last = own.shown.rbegin()->first;
    const bool is_whole =
        own.shown.size() == last && own.shown.begin()->first == 1 &&
        std::ranges::all_of(own.shown, [](const auto& record) { return record.second; });
    // In an interval the end of the process is known only where it is told.
    const bool is_closed = own.said == last;
    if (is_whole && (is_closed || !request_->has_interval())) {
      claims.made.push_back({key, last, !is_closed});
    } else {
      claims.remarks.push_back("not all records of process " + to_text(key) +
                               " are shown, so the bundle does not claim that it has them all");
    }
  }
  return claims;
}

}  // namespace alibi::disclose
