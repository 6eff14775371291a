#include "mark/sender.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <time.h>

#include <algorithm>
#include <fstream>

#include "base/unique_fd.hpp"
#include "event/record.hpp"
#include "mark/caller.hpp"
#include "store/inbox.hpp"

namespace alibi::mark {
namespace {

using Action = Request::Action;

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kClockStepNs = 1'000'000'000;  // below, a clock was not set but steered

/// Held while the object lives.
Result<UniqueFd> lock(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (error || !fd.is_open() || ::flock(fd.get(), LOCK_EX) != 0)
    return fail_errno(error ? error.value() : errno, "lock " + directory.string());
  return fd;
}

void write_offsets(alibi_mark_state& state) {
  const std::int64_t wall = wall_now().ns;
  state.wall_offset_ns = wall - static_cast<std::int64_t>(boot_now().ns);
  const std::int64_t tai = read_clock_ns(CLOCK_TAI) - wall;
  constexpr auto kSecond = static_cast<std::int64_t>(kSecondNs);
  state.tai_offset_ns = (tai + kSecond / 2) / kSecond * kSecond;  // whole seconds by definition
}

/// The noted offset, so that one moment is told alike each time; where the clock was set
/// since, the present one.
std::int64_t wall_offset_ns(const alibi_mark_state& state) {
  const std::int64_t now_ns = wall_now().ns - static_cast<std::int64_t>(boot_now().ns);
  return std::abs(now_ns - state.wall_offset_ns) > kClockStepNs ? now_ns : state.wall_offset_ns;
}

bool has_ended(const alibi_mark_entry& entry) {
  return entry.end_boot_ns != 0 && entry.end_boot_ns <= boot_now().ns;
}

std::vector<alibi_mark_entry> entries_of(const alibi_mark_state& state) {
  std::vector<alibi_mark_entry> entries;
  for (std::uint32_t k = 0; k < state.count; ++k)
    if (!has_ended(state.entries[k])) entries.push_back(state.entries[k]);
  return entries;
}

/// Most recent first; returns what had no room.
std::vector<alibi_mark_entry> put_entries(std::vector<alibi_mark_entry> entries,
                                          alibi_mark_state& state) {
  std::ranges::stable_sort(entries, std::ranges::greater{},
                           [](const auto& entry) { return entry.diagnosis.time_s; });
  std::fill_n(state.entries, ALIBI_MARK_DIAGNOSES_MAX, alibi_mark_entry{});
  const std::size_t count = std::min<std::size_t>(entries.size(), ALIBI_MARK_DIAGNOSES_MAX);
  std::copy_n(entries.begin(), count, state.entries);
  state.count = static_cast<std::uint32_t>(count);
  state.has_ends = std::ranges::any_of(entries, [](const auto& e) { return e.end_boot_ns != 0; });
  return {entries.begin() + static_cast<std::ptrdiff_t>(count), entries.end()};
}

bool is_meant(const alibi_mark_entry& entry, const Request& request) {
  return (!request.category || *request.category == entry.diagnosis.category) &&
         (!request.code || *request.code == entry.diagnosis.code);
}

std::string add_entry(const Request& request, alibi_mark_state& state) {
  alibi_mark_entry entry{};
  entry.diagnosis.category = request.category.value_or(0);
  entry.diagnosis.code = request.code.value_or(0);
  entry.diagnosis.time_s =
      request.time_s.value_or(static_cast<std::uint32_t>(wall_now().ns / 1'000'000'000));
  if (request.ttl_s) entry.end_boot_ns = boot_now().ns + *request.ttl_s * kSecondNs;
  auto entries = entries_of(state);
  std::erase_if(entries, [&](const auto& old) { return is_meant(old, request); });
  entries.insert(entries.begin(), entry);
  std::string dropped;
  for (const alibi_mark_entry& gone : put_entries(std::move(entries), state))
    dropped += fmt::format("{}{}/{}", dropped.empty() ? "" : ",", gone.diagnosis.category,
                           gone.diagnosis.code);
  return dropped;
}

Status delete_entries(const Request& request, alibi_mark_state& state) {
  auto entries = entries_of(state);
  const auto count =
      std::erase_if(entries, [&](const auto& old) { return is_meant(old, request); });
  if (count == 0 && request.category) return fail(Errc::NotFound, "there is no such diagnosis");
  put_entries(std::move(entries), state);
  return {};
}

}  // namespace

Sender::Sender(Settings settings, std::filesystem::path log_directory)
    : pins_(settings.pins),
      programs_(std::move(settings)),
      log_directory_(std::move(log_directory)) {}

Result<Listing> Sender::act(const Request& request, const Caller& caller,
                            const std::optional<Format>& format) {
  std::error_code ignored;
  if (request.action == Action::List && !std::filesystem::exists(pins_, ignored)) return Listing{};
  const auto locked = lock(pins_);
  if (!locked) return std::unexpected(locked.error());
  auto state = programs_.read_state();
  if (!state) return std::unexpected(state.error());
  if (request.action == Action::List) return list(*state);
  std::string dropped;
  if (auto done = change(request, format, *state, dropped); !done)
    return std::unexpected(done.error());
  if (auto told = record(request, caller, *state, dropped); !told)
    return during("it is done, but could not be recorded", told.error());
  return list(*state);
}

Status Sender::change(const Request& request, const std::optional<Format>& format,
                      alibi_mark_state& state, std::string& dropped) {
  write_offsets(state);
  if (format) {
    state.version = format->version;
    state.key_number = format->key_number;
    std::ranges::copy(format->key, state.key);
  }
  switch (request.action) {
    case Action::List: return {};
    case Action::Add: dropped = add_entry(request, state); break;
    case Action::Delete:
      if (auto deleted = delete_entries(request, state); !deleted) return deleted;
      break;
    case Action::Off:
      state.is_on = 0;
      if (auto written = programs_.write_state(state); !written) return written;
      return programs_.detach();
    case Action::On:
      if (auto attached = programs_.attach(); !attached) {
        (void)programs_.detach();
        return attached;
      }
      state.is_on = 1;
      break;
  }
  return programs_.write_state(state);
}

Status Sender::refresh() {
  const auto locked = lock(pins_);
  if (!locked) return std::unexpected(locked.error());
  auto state = programs_.read_state();
  if (!state) return std::unexpected(state.error());
  if (!state->is_on || !programs_.are_attached()) return {};
  const std::int64_t before_ns = state->wall_offset_ns;
  const std::int64_t tai_before_ns = state->tai_offset_ns;
  write_offsets(*state);
  const bool is_moved = std::abs(state->wall_offset_ns - before_ns) > kClockStepNs;
  if (is_moved || state->tai_offset_ns != tai_before_ns)
    if (auto written = programs_.write_state(*state); !written) return written;
  return programs_.guard_devices();
}

Result<Listing> Sender::list(const alibi_mark_state& state) const {
  Listing listing;
  listing.is_on = state.is_on && programs_.are_attached();
  listing.version = state.version;
  listing.key_number = state.key_number;
  for (const alibi_mark_entry& entry : entries_of(state)) {
    ListedDiagnosis listed{
        entry.diagnosis.category, entry.diagnosis.code, entry.diagnosis.time_s, {}};
    if (entry.end_boot_ns)
      listed.end = WallNs{static_cast<std::int64_t>(entry.end_boot_ns) + wall_offset_ns(state)};
    listing.diagnoses.push_back(listed);
  }
  listing.guarded_devices = programs_.count_guarded();
  listing.counters = programs_.read_counters();
  return listing;
}

Status Sender::record(const Request& request, const Caller& caller, const alibi_mark_state& state,
                      const std::string& dropped) const {
  event::Record record;
  record.kind = event::Kind::Mark;
  record.via = caller.via;
  record.grade = event::Grade::Proven;
  describe_caller(caller, record);
  const auto add = [&](const char* key, auto value) {
    record.extra.emplace_back(key, fmt::format("{}", value));
  };
  switch (request.action) {
    case Action::On: record.result = "on"; break;
    case Action::Off: record.result = "off"; break;
    case Action::Add: record.result = "added"; break;
    default: record.result = "deleted"; break;
  }
  if (request.category)
    record.name = request.code ? names_.text(*request.category, *request.code)
                               : names_.category(*request.category);
  if (request.action == Action::Delete && !request.category) record.name = "all";
  if (request.action == Action::Add) {
    const auto& entries = state.entries;
    const auto* mine = std::ranges::find_if(entries, entries + state.count, [&](const auto& entry) {
      return is_meant(entry, request);
    });
    if (mine != entries + state.count)
      add("diagnosed",
          event::to_text(WallNs{std::int64_t{mine->diagnosis.time_s} * 1'000'000'000}));
    if (request.ttl_s) add("ttl_s", *request.ttl_s);
    if (!dropped.empty()) add("dropped", dropped);
  }
  if (request.action == Action::On) add("version", state.version);
  add("diagnoses", state.count);
  return store::leave_in_inbox(log_directory_, std::move(record));
}

}  // namespace alibi::mark
