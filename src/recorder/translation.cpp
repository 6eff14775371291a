#include "recorder/translation.hpp"

#include <string.h>

#include <algorithm>

#include "event/number.hpp"

namespace alibi::recorder {

Translation::Translation(const Options& the_options, WallClock& the_clock)
    : options(the_options), clock(the_clock) {
  if (auto unified = CgroupPaths::open()) cgroups = std::move(*unified);
  if (auto memory = CgroupPaths::open("memory")) cgroups_v1 = std::move(*memory);
}

event::Record Translation::make(event::Kind kind, BootNs boot, Process* process) {
  event::Record record;
  record.kind = kind;
  record.boot = boot;
  record.time = clock.at(boot);
  if (process) {
    record.process = process->key;
    record.parent = process->parent;
    record.user = process->user;
    record.exe = process->exe;
  }
  return record;
}

event::Source source_of(alibi_ring ring, const alibi_header& header) {
  constexpr char kLetters[ALIBI_RINGS] = {'p', 'n', 'k'};
  return {kLetters[ring], header.cpu, header.seq};
}

event::Record Translation::make(event::Kind kind, const alibi_header& header, alibi_ring ring,
                                Process* process) {
  event::Record record = make(kind, BootNs{header.boot_ns}, process);
  record.source = source_of(ring, header);
  return record;
}

void Translation::emit(event::Record&& record, Process* process) {
  if (process && !record.args.empty()) process->set_args(record.args);
  if (tracked_only && !(process && process->is_tracked)) return;
  emit_in_scope(std::move(record), process);
}

void Translation::emit_in_scope(event::Record&& record, Process* process) {
  // Records of one batch are sorted by time: what came late but is older than
  // the exit still stands before it.
  if (process && process->ended.ns != 0 && record.kind != event::Kind::Exit)
    process->has_record_after_end |= process->ended_batch != batch || record.boot >= process->ended;
  out.push_back(std::move(record));
}

std::string Translation::cgroup_path(std::uint64_t unified_id, std::uint64_t memory_id) {
  std::string path = cgroups ? cgroups->path(unified_id) : "";
  if ((path.empty() || path == "/") && memory_id != 0 && cgroups_v1)
    path = cgroups_v1->path(memory_id);
  return path;
}

Process* Translation::known(const alibi_process_key& key) {
  if (key.tgid == 0) return nullptr;
  Process& process = processes.add(key_of(key));
  if (process.user.empty()) {
    process.uid = key.uid;
    process.user = users.name(key.uid, boot_now());
  }
  return &process;
}

std::vector<std::pair<event::Source, BootNs>> folded_sources(const event::Record& record) {
  std::vector<std::pair<event::Source, BootNs>> sources;
  std::string_view text = record.find_extra("src_folded");
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const auto at = std::min(one.find('@'), one.size());
    const auto source = event::parse_source(one.substr(0, at));
    const auto boot = event::parse_number<std::uint64_t>(one.substr(std::min(at + 1, one.size())));
    if (source && boot) sources.emplace_back(*source, BootNs{*boot});
  }
  return sources;
}

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name ? name : std::to_string(error);
}

}  // namespace alibi::recorder
