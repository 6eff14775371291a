// alibi status

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/command.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/recording.hpp"
#include "query/coverage.hpp"
#include "recorder/recorder.hpp"
#include "report/status.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"
#include "store/layout.hpp"

namespace alibi::cli {
namespace {

report::SensorLine line_of(const recorder::SensorState& sensor) {
  return {sensor.name, sensor.state, sensor.hook, sensor.detail};
}

constexpr std::uint64_t kLongestSilenceNs = 10'000'000'000;

/// A recorder that holds the lock and does not rewrite its state file hangs.
bool is_silent(const report::RecorderStatus& status) {
  return status.is_recording && status.heartbeat_boot_ns &&
         *status.heartbeat_boot_ns + kLongestSilenceNs < boot_now().ns;
}

/// What is wrong while recording, worst first; nothing is wrong: 0.
int verdict(const report::RecorderStatus& status) {
  if (!status.is_recording) return 0;
  const bool is_unsealed = status.seal && !status.seal->fault.empty();
  if (!status.disk_fault.empty() || is_unsealed) return static_cast<int>(Errc::Io);
  const bool has_failed =
      std::ranges::any_of(status.sensors, [](const auto& s) { return s.state == "failed"; });
  if (has_failed || is_silent(status)) return static_cast<int>(Errc::Unsupported);
  return status.lost > 0 ? static_cast<int>(Errc::Corrupt) : 0;
}

Status add_log_totals(report::RecorderStatus& status, store::LogReader& reader,
                      const std::filesystem::path& directory) {
  const auto coverage = query::coverage(reader);
  if (!coverage) return std::unexpected(coverage.error());
  status.records = coverage->records;
  status.lost = coverage->lost();
  status.lost_by_reason = coverage->lost_by_reason;
  status.disk_bytes = bytes_under(directory);
  return {};
}

/// Beginning and sensors of the recorder that is at work, from its records.
Status add_last_start(report::RecorderStatus& status, store::LogReader& reader) {
  using Go = store::LogReader::Go;
  return reader.scan({}, store::Order::NewestFirst, [&](const store::BootRecord& entry) {
    const event::Record& record = entry.record;
    if (record.kind == event::Kind::RecorderStart) {
      status.since = event::to_text(record.time);
      return Go::Stop;
    }
    const auto is_known = [&](const auto& sensor) { return sensor.name == record.name; };
    if (record.kind == event::Kind::Sensor && std::ranges::none_of(status.sensors, is_known))
      status.sensors.push_back(
          {record.name, record.result, record.via, std::string(record.find_extra("detail"))});
    return Go::On;
  });
}

Status add_log(report::RecorderStatus& status, const std::filesystem::path& directory) {
  auto reader = store::LogReader::open(directory);
  if (!reader)
    return reader.error().code == Errc::NotFound ? Status{} : std::unexpected(reader.error());
  if (auto done = add_log_totals(status, **reader, directory); !done) return done;
  if (status.is_recording) {
    if (auto done = add_last_start(status, **reader); !done) return done;
  }
  DamageWarning(**reader).tell_new();
  return {};
}

/// What the checkpoint on the disk tells, where no recorder does.
std::optional<report::SealStatus> seal_of(const std::filesystem::path& directory) {
  const seal::SealLayout layout{directory};
  if (!store::Layout{directory}.has_identity()) return std::nullopt;
  report::SealStatus status;
  const auto text = store::read_file(store::real_disk(), layout.checkpoint(), seal::kNoteBytesMax);
  const auto note = text ? seal::parse_note(*text) : std::unexpected(text.error());
  const auto checkpoint =
      note ? seal::Checkpoint::from_text(note->text) : std::unexpected(note.error());
  if (!checkpoint) {
    status.fault = checkpoint.error().message;
    return status;
  }
  status.origin = checkpoint->origin;
  status.leaves = checkpoint->size;
  for (const auto& signature : note->signatures) {
    const std::string prefix = checkpoint->origin + "/epoch/";
    if (signature.name.starts_with(prefix))
      status.epoch = std::strtoull(signature.name.c_str() + prefix.size(), nullptr, 10);
  }
  return status;
}

Result<report::RecorderStatus> status_of(const std::filesystem::path& directory) {
  const auto locked = is_locked(directory);
  if (!locked) return std::unexpected(locked.error());
  if (*locked) {
    const auto text = read_state_file(directory);
    if (text) return report::parse_status(*text);
    if (text.error().code != Errc::NotFound) return std::unexpected(text.error());
  }
  // `alibi run` writes no state file; its records say the same.
  report::RecorderStatus status{.is_recording = *locked};
  if (auto done = add_log(status, directory); !done) return std::unexpected(done.error());
  status.seal = seal_of(directory);
  if (status.is_recording) return status;
  const auto sensors = recorder::probe_sensors();
  if (!sensors) return std::unexpected(sensors.error());
  std::ranges::transform(*sensors, std::back_inserter(status.sensors), line_of);
  return status;
}

class StatusCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    directory_.declare(app);
    style_.declare(app);
  }

  Result<int> run() override {
    const auto directory = directory_.value();
    const auto status = status_of(directory);
    if (!status) return std::unexpected(status.error());
    if (is_silent(*status))
      fmt::print(stderr, "alibi status: the recorder has not reported for {}\n",
                 report::duration_text(
                     static_cast<std::int64_t>(boot_now().ns - *status->heartbeat_boot_ns)));
    Output out;
    out.write(style_.is_json ? report::to_json(*status) + "\n"
                             : report::to_text(*status, directory.string(), style_.style()));
    const auto printed = out.finish();
    return printed && *printed == 0 ? verdict(*status) : printed;
  }

 private:
  DirectoryOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_status() { return std::make_unique<StatusCommand>(); }

}  // namespace alibi::cli
