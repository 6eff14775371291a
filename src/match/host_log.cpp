#include "match/host_log.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_set>

#include "match/candidates.hpp"

namespace alibi::match {
namespace {

using event::Kind;
using event::Record;
using store::BootRecord;
using Go = store::LogReader::Go;

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::string end_name(std::string_view proto, const event::Endpoint& end) {
  return std::string(proto) + " " + to_text(end);
}

/// Sysmon and Security stamp connections with clocks of their own.
std::string clock_name(std::string_view via) {
  const std::string_view first = via.substr(0, via.find(','));
  const bool is_foreign = first.starts_with("sysmon:") || first.starts_with("security:");
  return std::string(is_foreign ? first : std::string_view{});
}

bool is_host_address(const event::IpAddress& address) {
  constexpr std::uint8_t kMulticast4 = 0xE0;
  const bool is_multicast =
      address.is_v6 ? address.bytes[0] == 0xFF : (address.bytes[0] & 0xF0) == kMulticast4;
  const bool is_broadcast =
      !address.is_v6 && std::ranges::all_of(address.octets(), [](auto b) { return b == 0xFF; });
  return !address.is_unspecified() && !address.is_loopback() && !is_multicast && !is_broadcast;
}

/// Names of the sensors without which a flow may be missing.
bool tells_flows(std::string_view sensor) {
  constexpr std::string_view kSensors[] = {"tcp", "udp", "connect_fail", "socket", "packet_socket"};
  return std::ranges::find(kSensors, sensor) != std::end(kSensors);
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Loader {
 public:
  explicit Loader(std::vector<CaptureFlow> capture) {
    log_.facts.capture = std::move(capture);
    for (const CaptureFlow& flow : log_.facts.capture) {
      const std::string proto = proto_name(flow.protocol);
      wanted_.insert(end_name(proto, flow.source));
      wanted_.insert(end_name(proto, flow.destination));
    }
  }

  void add(const BootRecord& entry);
  HostLog finish();

 private:
  struct Boot {
    std::string host;
    std::set<event::IpAddress> addresses;
    std::vector<Interval> recorded;
    std::vector<Interval> lossy;
    std::map<std::string, bool> sensors;  ///< name: works
    bool is_partial = false;
    bool is_recording = false;
  };

  void note_recording(Boot& boot, const Record& record);
  void note_addresses(Boot& boot, const Record& record) const;
  std::size_t host_of(const std::string& boot_id);
  std::size_t clock_of(std::size_t host, const query::Flow& flow);

  HostLog log_;
  std::unordered_set<std::string> wanted_;
  std::map<std::string, Boot> boots_;
  std::map<std::string, std::size_t> hosts_;  ///< by name
  std::map<std::pair<std::size_t, std::string>, std::size_t> clocks_;
  query::FlowMerger merger_;
};

void Loader::note_recording(Boot& boot, const Record& record) {
  const std::int64_t now_ns = record.time.ns;
  if (record.kind == Kind::Segment) {
    boot.host = record.find_extra("host");
    return;  // its time is when the segment was begun, not when something happened
  }
  const bool goes_on = record.kind == Kind::RecorderStart && record.result != "fresh";
  if (record.kind == Kind::RecorderStart) {
    boot.is_partial |= record.result == "imported" || record.find_extra("scope") == "command";
    if (!boot.recorded.empty() && goes_on) boot.is_recording = true;
  }
  if (!boot.is_recording) boot.recorded.push_back({now_ns, now_ns});
  boot.is_recording = record.kind != Kind::RecorderStop;
  Interval& interval = boot.recorded.back();
  interval.from_ns = std::min(interval.from_ns, now_ns);
  interval.to_ns = std::max(interval.to_ns, now_ns);
  if (record.kind == Kind::Sensor && tells_flows(record.name))
    boot.sensors[record.name] = record.result == "ok";
  if (record.kind == Kind::Loss) {
    const std::int64_t offset_ns = now_ns - static_cast<std::int64_t>(record.boot.ns);
    const auto from = number(record.find_extra("from_ns"));
    const auto to = number(record.find_extra("to_ns"));
    boot.lossy.push_back({from ? *from + offset_ns : now_ns - kSecondNs,
                          (to ? *to + offset_ns : now_ns) + kSecondNs});
  }
}

void Loader::note_addresses(Boot& boot, const Record& record) const {
  if (record.local && is_host_address(record.local->address))
    boot.addresses.insert(record.local->address);
}

void Loader::add(const BootRecord& entry) {
  const Record& record = entry.record;
  Boot& boot = boots_[*entry.boot_id];
  note_recording(boot, record);
  if (query::is_flow_kind(record.kind) || record.kind == Kind::Listen) note_addresses(boot, record);
  if (!query::is_flow_kind(record.kind) || !record.local || !record.remote) return;
  const bool is_wanted = wanted_.contains(end_name(record.proto, *record.local)) ||
                         wanted_.contains(end_name(record.proto, *record.remote));
  if (is_wanted) merger_.add(entry);
}

std::size_t Loader::host_of(const std::string& boot_id) {
  const Boot& boot = boots_[boot_id];
  const auto [place, is_new] = hosts_.try_emplace(boot.host, log_.facts.hosts.size());
  if (is_new) log_.facts.hosts.push_back({.name = boot.host});
  return place->second;
}

std::size_t Loader::clock_of(std::size_t host, const query::Flow& flow) {
  const std::string name = clock_name(flow.via);
  const auto [place, is_new] = clocks_.try_emplace({host, name}, log_.facts.clocks.size());
  if (is_new) log_.facts.clocks.push_back({.host = host, .name = name, .precision_ns = kSecondNs});
  Clock& clock = log_.facts.clocks[place->second];
  for (const std::int64_t precision_ns : {kSecondNs / 1000, std::int64_t{1}}) {
    if (flow.start.ns % clock.precision_ns != 0)
      clock.precision_ns = std::min(clock.precision_ns, precision_ns);
  }
  return place->second;
}

HostLog Loader::finish() {
  for (const auto& [boot_id, boot] : boots_) {
    Host& host = log_.facts.hosts[host_of(boot_id)];
    host.addresses.insert(boot.addresses.begin(), boot.addresses.end());
    host.recorded.insert(host.recorded.end(), boot.recorded.begin(), boot.recorded.end());
    host.lossy.insert(host.lossy.end(), boot.lossy.begin(), boot.lossy.end());
    host.is_partial |= boot.is_partial;
    host.has_bad_sensor |=
        std::ranges::any_of(boot.sensors, [](const auto& s) { return !s.second; });
  }
  for (query::Flow& flow : merger_.take()) {
    const std::size_t host = host_of(flow.boot_id);
    HostFlow known{.host = host,
                   .clock = clock_of(host, flow),
                   .proto = flow.proto,
                   .local = *flow.local,
                   .remote = *flow.remote,
                   .start_ns = flow.start.ns,
                   .has_process = flow.process.has_value(),
                   .is_shared = flow.grade == event::Grade::Ambiguous,
                   .is_cleanly_closed = flow.state == "closed",
                   .bytes_out = flow.bytes_out,
                   .bytes_in = flow.bytes_in};
    if (flow.end) known.end_ns = flow.end->ns;
    // Two flows are of one process only where a process is known.
    known.process = flow.process ? flow.boot_id + " " + to_text(*flow.process)
                                 : "?" + std::to_string(log_.flows.size());
    log_.facts.flows.push_back(std::move(known));
    log_.flows.push_back(std::move(flow));
  }
  std::int64_t start_ns = INT64_MAX;
  for (const CaptureFlow& flow : log_.facts.capture)
    start_ns = std::min(start_ns, flow.first.ns);
  log_.facts.capture_start_ns = start_ns;
  return std::move(log_);
}

}  // namespace

Result<HostLog> read_host_log(store::LogReader& reader, std::vector<CaptureFlow> capture) {
  Loader loader(std::move(capture));
  const auto done = reader.scan({}, store::Order::OldestFirst, [&](const BootRecord& entry) {
    loader.add(entry);
    return Go::On;
  });
  if (!done) return std::unexpected(done.error());
  return loader.finish();
}

}  // namespace alibi::match
