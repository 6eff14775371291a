// What a pipeline takes over from the recorder before it, and what it hands on
// to whoever reads a segment alone.

#include <cstdlib>

#include "recorder/pipeline.hpp"

namespace alibi::recorder {

using event::Kind;
using event::Record;

// State of the recorder before this one, out of what it wrote.
Status Pipeline::restore() {
  const auto done = log_->replay([this](const Record& record) {
    losses_.restore(record);
    conversations_.restore(record);
    if (record.source.ring) shared_.written.add(record.source, record.boot);
    for (const auto& [source, boot] : folded_sources(record))
      shared_.written.add(source, boot);
    if (record.process) {
      Process& process = shared_.processes.add(*record.process);
      if (record.parent) process.parent = record.parent;
      if (!record.user.empty()) process.user = record.user;
      if (!record.exe.empty()) process.exe = record.exe;
      if (!record.args.empty()) process.set_args(record.args);
      if (const auto container = record.find_extra("container"); !container.empty())
        process.container = container;
      if (process.ended.ns != 0 && record.process_seq != 0)
        process.has_record_after_end = record.kind != Kind::ProcessFinal;
      if (record.kind == Kind::Exit) shared_.processes.end(process, record.boot);
    }
    if (record.via == "snapshot_holder" && record.process) {
      const std::uint64_t cookie = std::strtoull(record.flow.c_str(), nullptr, 16);
      if (cookie) shared_.sockets.add_holder(cookie, *record.process);
    }
  });
  losses_.begin(probes_.is_resumed());
  shared_.written.sort();
  return done;
}

store::LogWriter::SegmentHead Pipeline::segment_head() {
  const std::lock_guard lock(state_mutex_);
  store::LogWriter::SegmentHead head;
  if (auto lost = losses_.totals_text(); !lost.empty())
    head.positions.emplace_back("lost", std::move(lost));
  head.positions.emplace_back("clock_offset_ns", std::to_string(clock_.latest().offset_ns));
  const BootNs now = boot_now();
  shared_.processes.for_each([&](const Process& process) {
    if (shared_.tracked_only && !process.is_tracked) return;
    Record record = shared_.make(Kind::Process, now, nullptr);
    record.process = process.key;
    record.parent = process.parent;
    record.user = process.user;
    record.exe = process.exe;
    record.via = "carried";
    if (!process.container.empty()) add(record, "container", process.container);
    if (process.ended.ns) add(record, "ended_ns", process.ended.ns);
    head.carried.push_back(std::move(record));
  });
  return head;
}

void Pipeline::add_handed_over(Record record) {
  constexpr std::uint64_t kTickUs = 10'000;  // of /proc, where start_us comes from
  const auto number = [&record](std::string_view key) {
    return std::strtoull(std::string(record.find_extra(key)).c_str(), nullptr, 10);
  };
  const std::lock_guard lock(state_mutex_);
  if (record.boot.ns == 0) record.boot = boot_now();
  Process* process =
      shared_.processes.find_pid(static_cast<std::uint32_t>(number("pid")), record.boot);
  if (process && process->key.start_us / kTickUs != number("start_us") / kTickUs) process = nullptr;
  Record made = shared_.make(record.kind, record.boot, process);
  if (made.exe.empty()) made.exe = std::move(record.exe);
  made.name = std::move(record.name);
  made.result = std::move(record.result);
  made.grade = process ? record.grade : event::Grade::Unknown;
  made.via = std::move(record.via);
  made.extra = std::move(record.extra);
  shared_.emit_in_scope(std::move(made), process);
}

}  // namespace alibi::recorder
