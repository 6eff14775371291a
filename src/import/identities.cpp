#include "import/identities.hpp"

#include <algorithm>
#include <charconv>

namespace alibi::import {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// A creation later than this after an event about the process is no time.
constexpr std::int64_t kClockDoubtNs = 86'400 * kSecondNs;
constexpr std::size_t kTimeBytes = 19;  // of a GUID, up to the end of the time
constexpr std::string_view kNoToken = "-0000-000000000000}";

std::optional<std::uint32_t> hex_of(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// {49a15388-281e-5f2c-4205-000000000400}: the second and third group are the
/// low and high half of the creation in seconds since 1970.
std::optional<std::int64_t> seconds_in(std::string_view guid) {
  if (guid.size() < 19 || guid[9] != '-' || guid[14] != '-') return std::nullopt;
  const auto low = hex_of(guid.substr(10, 4));
  const auto high = hex_of(guid.substr(15, 4));
  if (!low || !high) return std::nullopt;
  return static_cast<std::int64_t>(*high << 16 | *low);
}

}  // namespace

std::string plain_image(std::string_view image) {
  std::string plain(image);
  std::ranges::transform(plain, plain.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view kDevice = "\\device\\";
  if (plain.starts_with(kDevice)) {
    const auto end = plain.find('\\', kDevice.size());
    return end == std::string::npos ? plain : plain.substr(end);
  }
  return plain.size() > 2 && plain[1] == ':' ? plain.substr(2) : plain;
}

Identities::Id Identities::add(std::uint32_t pid, std::int64_t start_ns) {
  event::ProcessKey key{static_cast<std::uint64_t>(std::max<std::int64_t>(start_ns, 0)) / 1000,
                        pid};
  // Two processes with one pid within the precision of their start.
  const auto [begin, end] = by_pid_.equal_range(pid);
  while (
      std::any_of(begin, end, [&](const auto& known) { return lives_[known.second].key == key; }))
    ++key.start_us;
  const Id id = lives_.size();
  lives_.push_back({.key = key, .start_ns = start_ns, .first_ns = INT64_MAX});
  by_pid_.emplace(pid, id);
  return id;
}

std::optional<Identities::Id> Identities::by_guid(const std::string& guid, std::uint32_t pid,
                                                  std::int64_t at_ns) {
  const std::string name = guid + " " + std::to_string(pid);
  if (const auto known = by_guid_.find(name); known != by_guid_.end()) return known->second;
  const auto seconds = seconds_in(guid);
  if (!seconds || pid == 0 || *seconds * kSecondNs > at_ns + kClockDoubtNs) return std::nullopt;
  const std::string vague =
      guid.substr(0, kTimeBytes) + std::string(kNoToken) + " " + std::to_string(pid);
  const auto known = by_guid_.find(vague);
  // Known by the time and pid alone so far: this is the same process, better known.
  const bool is_known = known != by_guid_.end() && lives_[known->second].is_vague;
  const Id id = is_known ? known->second : add(pid, *seconds * kSecondNs);
  by_guid_.emplace(name, id);
  by_guid_.emplace(vague, id);
  lives_[id].is_vague = guid.ends_with(kNoToken);
  if (lives_[id].is_vague) return id;
  const auto [owner, is_first] = owners_.emplace(guid, id);
  if (!is_first && owner->second != id && !lives_[id].parent)
    lives_[id].parent = lives_[owner->second].key;
  return id;
}

Identities::Id Identities::created(std::uint32_t pid, std::int64_t at_ns) {
  return add(pid, at_ns);
}

Identities::Id Identities::first_mentioned(std::uint32_t pid, std::int64_t at_ns,
                                           std::string_view image) {
  const Id id = add(pid, at_ns);
  lives_[id].image = image;
  return id;
}

std::vector<Identities::Id> Identities::alive(std::uint32_t pid, std::int64_t at_ns,
                                              std::int64_t slack_ns, std::string_view image) const {
  const std::string wanted = plain_image(image);
  std::vector<Id> found;
  const auto [begin, end] = by_pid_.equal_range(pid);
  for (auto it = begin; it != end; ++it) {
    const Life& life = lives_[it->second];
    if (life.start_ns > at_ns + slack_ns) continue;
    if (life.end_ns && *life.end_ns < at_ns - slack_ns) continue;
    const std::string known = plain_image(life.image);
    if (!wanted.empty() && !known.empty() && wanted != known) continue;
    found.push_back(it->second);
  }
  std::ranges::sort(found, {}, [&](Id id) { return lives_[id].start_ns; });
  return found;
}

}  // namespace alibi::import
