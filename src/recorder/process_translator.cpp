#include "recorder/process_translator.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>

#include "recorder/container_id.hpp"
#include "recorder/snapshot_proc.hpp"

namespace alibi::recorder {
namespace {

using event::Grade;
using event::Kind;
using event::Record;

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name ? fmt::format("SIG{}", name) : fmt::format("SIG{}", number);
}

std::string device_text(std::uint32_t device) {
  return fmt::format("{}:{}", device >> 20,
                     device & 0xfffff);  // MAJOR, MINOR of include/linux/kdev_t.h
}

/// /proc of exactly this process, nothing when it is gone or another has its pid.
std::optional<ProcSnapshot> snapshot_of(event::ProcessKey key) {
  constexpr std::uint64_t kProcTickUs = 10'000;
  auto snapshot = read_process(key.pid);
  if (!snapshot || snapshot->start_us > key.start_us ||
      snapshot->start_us + kProcTickUs < key.start_us)
    return std::nullopt;
  return std::move(*snapshot);
}

auto in_perf_order(const ProcNamespaces& ns) {
  return decltype(Process::namespaces){ns.net, ns.uts, ns.ipc, ns.pid, ns.user, ns.mnt, ns.cgroup};
}

/// The rest of long arguments is still in the process, as long as it lives and
/// has not overwritten it; taken only when it goes on from what the kernel saw.
void complete_args(Record& record, event::ProcessKey key) {
  const auto snapshot = snapshot_of(key);
  if (!snapshot || snapshot->args.size() < record.args.size()) return;
  for (std::size_t i = 0; i < record.args.size(); ++i)
    if (!snapshot->args[i].starts_with(record.args[i])) return;
  record.args = snapshot->args;
  add(record, "args_completed", "proc");
}

std::string exec_flags(std::uint32_t flags) {
  constexpr std::pair<std::uint32_t, const char*> kNames[] = {
      {ALIBI_EXEC_SCRIPT, "script"},     {ALIBI_EXEC_SETUID, "setuid"},
      {ALIBI_EXEC_DELETED, "deleted"},   {ALIBI_EXEC_MEMFD, "memfd"},
      {ALIBI_EXEC_ARGS_CUT, "args_cut"}, {ALIBI_EXEC_ARGS_UNREAD, "args_unread"},
      {ALIBI_EXEC_PATH_CUT, "path_cut"}, {ALIBI_EXEC_CHROOT, "chroot"}};
  std::string text;
  for (const auto& [bit, name] : kNames)
    if (flags & bit) text += (text.empty() ? "" : ",") + std::string(name);
  return text;
}

}  // namespace

bool ProcessTranslator::translate(std::span<const std::byte> bytes) {
  const alibi_header* header = view_header(bytes);
  if (!header) return false;
  auto with = [&]<typename T>(bool (ProcessTranslator::*handle)(const T&)) {
    const T* record = view_as<T>(bytes);
    return record && (this->*handle)(*record);
  };
  switch (header->kind) {
    case ALIBI_RECORD_FORK: return with(&ProcessTranslator::on_fork);
    case ALIBI_RECORD_EXEC: {
      const auto exec = view_exec(bytes);
      return exec && on_exec(*exec);
    }
    case ALIBI_RECORD_EXEC_FAIL: return with(&ProcessTranslator::on_exec_fail);
    case ALIBI_RECORD_EXIT: return with(&ProcessTranslator::on_exit);
    case ALIBI_RECORD_SIGNAL: return with(&ProcessTranslator::on_signal);
    case ALIBI_RECORD_KERNEL_MODULE: return with(&ProcessTranslator::on_kernel_module);
    case ALIBI_RECORD_MOUNT: return with(&ProcessTranslator::on_mount);
    case ALIBI_RECORD_FILE_DELETE: return with(&ProcessTranslator::on_file_delete);
    case ALIBI_RECORD_TASK: return with(&ProcessTranslator::on_task);
    default: return false;
  }
}

// Until it execs, a child runs the image of its parent.
void ProcessTranslator::inherit(Process& child, const Process* parent) {
  if (!parent) return;
  child.parent = parent->key;
  if (child.exe.empty()) child.exe = parent->exe;
  child.container = parent->container;
  child.net_ns = parent->net_ns;
  child.args = parent->args;
  if (parent->is_tracked) shared_.processes.track(child);
}

bool ProcessTranslator::on_fork(const alibi_fork& fork) {
  shared_.known(fork.parent);
  Process* child = shared_.known(fork.header.process);
  if (!child) return false;
  inherit(*child, shared_.processes.find(key_of(fork.parent)));
  if (shared_.track_children_of != 0 && fork.parent.tgid == shared_.track_children_of)
    shared_.processes.track(*child);
  shared_.emit(shared_.make(Kind::Fork, fork.header, ALIBI_RING_PROCESS, child), child);
  const auto is_of_child = [&](const perf::Namespaces& early) {
    return shared_.processes.find_pid(early.pid, early.boot) == child;
  };
  if (const auto early = std::ranges::find_if(early_namespaces_, is_of_child);
      early != early_namespaces_.end()) {
    tell_namespaces(*child, *early);
    early_namespaces_.erase(early);
  }
  return true;
}

void ProcessTranslator::describe_exec(Record& record, const alibi_exec& exec,
                                      const Process& process) {
  add(record, "uid", exec.header.process.uid);
  add(record, "euid", exec.euid);
  add(record, "gid", exec.gid);
  add(record, "egid", exec.egid);
  if (exec.auid != 0xffffffff) {
    add(record, "auid", exec.auid);
    add(record, "session", exec.session);
  }
  add(record, "dev", device_text(exec.device));
  add(record, "ino", exec.inode);
  add(record, "netns", exec.net_ns);
  add(record, "mntns", exec.mount_ns);
  add(record, "pidns", exec.pid_ns);
  if (exec.pid_in_ns != exec.header.process.tgid) add(record, "nspid", exec.pid_in_ns);
  if (const auto path = shared_.cgroup_path(exec.cgroup_id, exec.cgroup_v1_id);
      !path.empty() && path != "/")
    add(record, "cgroup", path);
  if (!process.container.empty()) add(record, "container", process.container);
  if (exec.flags != 0) add(record, "flags", exec_flags(exec.flags));
  if (exec.flags & (ALIBI_EXEC_ARGS_CUT | ALIBI_EXEC_ARGS_UNREAD))
    add(record, "args_bytes", exec.args_total_bytes);
}

bool ProcessTranslator::on_exec(const ExecView& view) {
  const alibi_exec& exec = *view.fixed;
  shared_.known(exec.parent);
  Process* process = shared_.known(exec.header.process);
  if (!process) return false;
  process->parent = key_of(exec.parent);
  process->uid = exec.header.process.uid;
  process->user = shared_.users.name(process->uid, BootNs{exec.header.boot_ns});
  process->exe = join_path(view.exe);
  process->net_ns = exec.net_ns;
  const auto container = find_container(shared_.cgroup_path(exec.cgroup_id, exec.cgroup_v1_id));
  process->container = container ? container->id : "";

  Record record = shared_.make(Kind::Exec, exec.header, ALIBI_RING_PROCESS, process);
  record.args = split_args(view.args);
  if (exec.flags & ALIBI_EXEC_ARGS_CUT) complete_args(record, process->key);
  const std::string filename(view.filename.substr(0, view.filename.find('\0')));
  if (filename != process->exe) record.name = filename;
  add(record, "cwd", join_path(view.cwd));
  describe_exec(record, exec, *process);
  shared_.emit(std::move(record), process);
  submit_image(*process, exec);
  return true;
}

void ProcessTranslator::submit_image(const Process& process, const alibi_exec& exec) {
  if (!inspector_ || (shared_.tracked_only && !process.is_tracked)) return;
  (void)inspector_->submit({.process = process.key,
                            .identity = {.device = device_from_kernel(exec.device),
                                         .inode = exec.inode,
                                         .size_bytes = exec.file_bytes,
                                         .mtime_ns = static_cast<std::int64_t>(exec.mtime_ns),
                                         .ctime_ns = static_cast<std::int64_t>(exec.ctime_ns)},
                            .path = process.exe});
}

// A search along PATH fails in most places before it finds the program: one
// record for those that came together, with the numbers of all of them.
bool ProcessTranslator::fold_exec_fail(const alibi_exec_fail& failure) {
  constexpr std::size_t kLookBack = 16;
  const auto key = key_of(failure.header.process);
  std::size_t looked = 0;
  for (auto last = shared_.out.rbegin(); last != shared_.out.rend() && looked < kLookBack;
       ++last, ++looked) {
    if (last->process != key) continue;
    if (last->kind != Kind::ExecFail || last->result != errno_name(failure.error)) return false;
    const event::Source source{'p', failure.header.cpu, failure.header.seq};
    if (last->extra.empty()) last->extra = {{"count", "1"}, {"src_folded", ""}};
    std::string& count = last->extra[0].second;
    std::string& folded = last->extra[1].second;
    count = std::to_string(std::stoul(count) + 1);
    folded +=
        fmt::format("{}{}@{}", folded.empty() ? "" : ",", to_text(source), failure.header.boot_ns);
    return true;
  }
  return false;
}

bool ProcessTranslator::on_exec_fail(const alibi_exec_fail& failure) {
  if (!shared_.options.record_failed_exec) return true;
  if (failure.error == ENOENT && fold_exec_fail(failure)) return true;
  Process* process = shared_.known(failure.header.process);
  Record record = shared_.make(Kind::ExecFail, failure.header, ALIBI_RING_PROCESS, process);
  record.name = text_of(failure.filename);
  record.result = errno_name(failure.error);
  shared_.emit(std::move(record), process);
  return true;
}

bool ProcessTranslator::on_exit(const alibi_exit& exit) {
  shared_.known(exit.parent);
  Process* process = shared_.known(exit.header.process);
  if (!process) return false;
  if (process->ended.ns != 0)
    return true;  // before 6.16 two last threads can both see themselves last
  if (!process->parent) process->parent = key_of(exit.parent);
  Record record = shared_.make(Kind::Exit, exit.header, ALIBI_RING_PROCESS, process);
  const int status = static_cast<int>(exit.exit_code);
  record.result =
      WIFSIGNALED(status) ? signal_name(WTERMSIG(status)) : std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status) && WCOREDUMP(status)) add(record, "core", "1");
  add(record, "cpu_us", exit.cpu_ns / 1000);
  if (exit.max_rss_pages) add(record, "rss_kb", exit.max_rss_pages * 4);
  add(record, "read", exit.read_bytes);
  add(record, "written", exit.written_bytes);
  shared_.emit(std::move(record), process);
  shared_.processes.end(*process, BootNs{exit.header.boot_ns});
  process->ended_batch = shared_.batch;
  return true;
}

bool ProcessTranslator::on_signal(const alibi_signal& signal) {
  Process* sender = shared_.known(signal.header.process);
  Record record = shared_.make(Kind::Signal, signal.header, ALIBI_RING_PROCESS, sender);
  record.result = signal_name(signal.signal);
  add(record, "code", std::to_string(signal.code));
  shared_.emit(std::move(record), sender);
  return true;
}

bool ProcessTranslator::on_kernel_module(const alibi_kernel_module& module) {
  Process* process = shared_.known(module.header.process);
  Record record = shared_.make(Kind::KernelModule, module.header, ALIBI_RING_PROCESS, process);
  record.name = text_of(module.name);
  record.result = module.is_load ? "loaded" : "removed";
  shared_.emit(std::move(record), process);
  return true;
}

bool ProcessTranslator::on_mount(const alibi_mount& mount) {
  Process* process = shared_.known(mount.header.process);
  Record record = shared_.make(Kind::Mount, mount.header, ALIBI_RING_PROCESS, process);
  record.name = text_of(mount.target);
  record.result = mount.error ? errno_name(mount.error) : "ok";
  add(record, "source", std::string(text_of(mount.source)));
  add(record, "type", std::string(text_of(mount.type)));
  add(record, "flags", fmt::format("0x{:x}", mount.flags));
  add(record, "mntns", mount.mount_ns);
  if (process && !process->container.empty()) add(record, "container", process->container);
  shared_.emit(std::move(record), process);
  return true;
}

// Where the process is gone, a relative path stays as it was given.
bool ProcessTranslator::on_file_delete(const alibi_file_delete& deletion) {
  Process* process = shared_.known(deletion.header.process);
  Record record = shared_.make(Kind::FileDelete, deletion.header, ALIBI_RING_PROCESS, process);
  const bool is_in_cwd = deletion.directory == AT_FDCWD;
  std::string base;
  if (process && snapshot_of(process->key)) {
    std::error_code gone;
    base = std::filesystem::read_symlink(
        is_in_cwd ? fmt::format("/proc/{}/cwd", process->key.pid)
                  : fmt::format("/proc/{}/fd/{}", process->key.pid, deletion.directory),
        gone);
  }
  const auto whole = [&](std::string_view path) {
    if (path.starts_with('/') || base.empty()) return std::string(path);
    return std::filesystem::path(base).append(path).lexically_normal().string();
  };
  record.name = whole(text_of(deletion.path));
  record.result = deletion.is_rename ? "renamed" : "deleted";
  // renameat has a second descriptor; only the working directory is the same for both.
  const std::string to(text_of(deletion.to));
  if (deletion.is_rename) add(record, "to", is_in_cwd ? whole(to) : to);
  if (!record.name.starts_with('/'))
    add(record, "directory", is_in_cwd ? "cwd" : std::to_string(deletion.directory));
  shared_.emit(std::move(record), process);
  return true;
}

bool ProcessTranslator::on_task(const alibi_task& task) {
  shared_.known(task.parent);
  Process* process = shared_.known(task.header.process);
  if (!process) return false;
  process->parent = task.parent.tgid ? std::optional(key_of(task.parent)) : std::nullopt;
  process->net_ns = task.net_ns;
  process->is_kernel_thread = task.is_kernel_thread != 0;
  const std::string comm(text_of(task.comm));
  const auto proc = process->is_kernel_thread ? std::nullopt : snapshot_of(process->key);
  if (proc && process->exe.empty()) process->exe = proc->exe;
  if (proc) process->namespaces = in_perf_order(proc->namespaces);
  const std::string cgroup = shared_.cgroup_path(task.cgroup_id, task.cgroup_v1_id);
  const auto container = find_container(cgroup);
  process->container = container ? container->id : "";

  Record record = shared_.make(Kind::Process, task.header, ALIBI_RING_PROCESS, process);
  record.via = "snapshot";
  record.name = comm;
  if (proc) {
    record.args = proc->args;
    if (!proc->cwd.empty()) add(record, "cwd", proc->cwd);
  }
  add(record, "uid", process->uid);
  if (task.inode) {
    add(record, "dev", device_text(task.device));
    add(record, "ino", task.inode);
  }
  add(record, "netns", task.net_ns);
  add(record, "mntns", task.mount_ns);
  if (!cgroup.empty() && cgroup != "/") add(record, "cgroup", cgroup);
  if (!process->container.empty()) add(record, "container", process->container);
  if (process->is_kernel_thread) add(record, "flags", "kernel_thread");
  if (std::ranges::find(shared_.pids_in_scope, process->key.pid) != shared_.pids_in_scope.end())
    shared_.emit_in_scope(std::move(record), process);
  else
    shared_.emit(std::move(record), process);
  return true;
}

// The walk over all tasks leaves out the first process on some kernels (6.18);
// as a parent it is known by its identity.
void ProcessTranslator::describe_unwalked(BootNs begin) {
  std::vector<event::ProcessKey> unknown;
  shared_.processes.for_each([&](const Process& process) {
    const bool is_older = process.key.start_us * 1000 < begin.ns;
    if (is_older && process.exe.empty() && !process.is_kernel_thread && process.ended.ns == 0)
      unknown.push_back(process.key);
  });
  for (const event::ProcessKey key : unknown) {
    const auto proc = snapshot_of(key);
    if (!proc || (proc->exe.empty() && proc->args.empty())) continue;
    Process& process = *shared_.processes.find(key);
    process.exe = proc->exe;
    process.net_ns = static_cast<std::uint32_t>(proc->namespaces.net);
    Record record = shared_.make(Kind::Process, boot_now(), &process);
    record.via = "snapshot";
    record.name = proc->comm;
    record.args = proc->args;
    if (!proc->cwd.empty()) add(record, "cwd", proc->cwd);
    add(record, "uid", process.uid);
    add(record, "netns", proc->namespaces.net);
    add(record, "mntns", proc->namespaces.mnt);
    if (!proc->cgroup.empty() && proc->cgroup != "/") add(record, "cgroup", proc->cgroup);
    shared_.emit(std::move(record), &process);
  }
}

void ProcessTranslator::on_mapping(const perf::MapExec& mapping) {
  if (!shared_.options.record_modules) return;
  Process* process = shared_.processes.find_pid(mapping.pid, mapping.boot);
  if (!process) return;
  Record record = shared_.make(Kind::Module, mapping.boot, process);
  record.name = mapping.path;
  if (mapping.build_id.size > 0) {
    std::string hex;
    for (std::size_t i = 0; i < mapping.build_id.size; ++i)
      hex += fmt::format("{:02x}", mapping.build_id.bytes[i]);
    add(record, "build_id", std::move(hex));
  } else if (mapping.inode != 0) {
    add(record, "dev", fmt::format("{}:{}", mapping.device_major, mapping.device_minor));
    add(record, "ino", mapping.inode);
  }
  // Read and execute is what the loader asks for; anything else is worth a word.
  if (mapping.prot & 2) add(record, "prot", "rwx");
  shared_.emit(std::move(record), process);
}

void ProcessTranslator::on_bpf_program(const perf::BpfProgram& program) {
  Process* process = shared_.processes.find_pid(program.pid, program.boot);
  Record record = shared_.make(Kind::BpfProgram, program.boot, process);
  record.result = program.is_load ? "loaded" : "unloaded";
  std::string tag;
  for (const std::uint8_t byte : program.tag)
    tag += fmt::format("{:02x}", byte);
  add(record, "id", program.id);
  add(record, "tag", std::move(tag));
  shared_.emit(std::move(record), process);
}

// At a clone the kernel writes this before the tracepoint of the fork runs.
void ProcessTranslator::on_namespaces(const perf::Namespaces& namespaces) {
  constexpr std::size_t kEarlyMax = 64;
  if (Process* process = shared_.processes.find_pid(namespaces.pid, namespaces.boot)) {
    tell_namespaces(*process, namespaces);
    return;
  }
  early_namespaces_.push_back(namespaces);
  if (early_namespaces_.size() > kEarlyMax) early_namespaces_.pop_front();
}

// The kernel tells at every clone; only a change is worth a record. A process
// that moves between CPUs is told of out of order: what came before the last
// change is compared with the namespaces of the parent, and is not the state.
void ProcessTranslator::tell_namespaces(Process& process, const perf::Namespaces& namespaces) {
  const auto inode = [&](perf::NamespaceType type) {
    return namespaces.inodes[static_cast<std::size_t>(type)];
  };
  const Process* parent = process.parent ? shared_.processes.find(*process.parent) : nullptr;
  const bool is_late = namespaces.boot.ns < process.namespaces_since.ns;
  const bool is_inherited = is_late || process.namespaces[0] == 0;
  const auto before = is_inherited && parent ? parent->namespaces : process.namespaces;
  const bool is_known = before[0] != 0;
  const bool is_same = std::ranges::equal(
      before, namespaces.inodes,
      [](std::uint64_t a, std::uint64_t b) { return a == b || a == 0 || b == 0; });
  if (!is_late) {
    std::ranges::copy(namespaces.inodes, process.namespaces.begin());
    process.namespaces_since = namespaces.boot;
  }
  if (!is_known || is_same) return;
  Record record = shared_.make(Kind::Namespace, namespaces.boot, &process);
  add(record, "mnt", inode(perf::NamespaceType::Mnt));
  add(record, "pid", inode(perf::NamespaceType::Pid));
  add(record, "net", inode(perf::NamespaceType::Net));
  add(record, "user", inode(perf::NamespaceType::User));
  add(record, "uts", inode(perf::NamespaceType::Uts));
  add(record, "ipc", inode(perf::NamespaceType::Ipc));
  add(record, "cgroup", inode(perf::NamespaceType::Cgroup));
  if (!process.container.empty()) add(record, "container", process.container);
  shared_.emit(std::move(record), &process);
}

void ProcessTranslator::on_ptrace(const proc::Ptrace& ptrace) {
  Process* target = shared_.processes.find_pid(ptrace.target_pid, ptrace.boot);
  Process* tracer =
      ptrace.tracer_pid ? shared_.processes.find_pid(ptrace.tracer_pid, ptrace.boot) : nullptr;
  Record record = shared_.make(Kind::Ptrace, ptrace.boot, tracer);
  record.result = ptrace.tracer_pid ? "attached" : "detached";
  add(record, "target", target ? to_text(target->key) : std::to_string(ptrace.target_pid));
  if (target) add(record, "target_exe", target->exe);
  shared_.emit(std::move(record), tracer ? tracer : target);
}

void ProcessTranslator::on_image(const ImageResult& image) {
  Process* process = shared_.processes.find(image.exec.process);
  Record record = shared_.make(Kind::Image, boot_now(), process);
  // Nothing may follow the final count of a process that is forgotten.
  if (!process) add(record, "executed_by", to_text(image.exec.process));
  record.name = image.exec.path;
  record.result = to_text(image.status);
  if (!image.sha256.empty()) add(record, "sha256", image.sha256);
  if (!image.package.empty()) add(record, "package", image.package);
  if (!image.version.empty()) add(record, "version", image.version);
  const FileIdentity& file = image.exec.identity;
  add(record, "dev", fmt::format("{}:{}", major(file.device), minor(file.device)));
  add(record, "ino", file.inode);
  add(record, "size", file.size_bytes);
  if (!image.error.empty()) add(record, "error", image.error);
  shared_.emit_in_scope(std::move(record), process);  // only executables in scope are submitted
}

void ProcessTranslator::recover_fork(const perf::NewProcess& fork) {
  // The identity needs the exact start time, which perf does not tell. A later
  // exec or exit of the process brings it; its start is at or just before the
  // perf record.
  constexpr std::uint64_t kWindowNs = 50'000'000;
  Process* child = shared_.processes.find_pid(fork.pid, BootNs{fork.boot.ns + kWindowNs});
  if (child && child->key.start_us + kWindowNs / 1000 < fork.boot.ns / 1000) child = nullptr;
  Process* parent = shared_.processes.find_pid(fork.parent_pid, fork.boot);
  if (child) inherit(*child, parent);
  Record record = shared_.make(Kind::Fork, fork.boot, child);
  if (!child) add(record, "pid", fork.pid);
  if (!record.parent && parent) record.parent = parent->key;
  record.grade = child ? Grade::Likely : Grade::Unknown;
  record.via = "perf";
  shared_.emit(std::move(record), child ? child : parent);
}

void ProcessTranslator::recover_exec(const perf::Exec& exec) {
  Process* process = shared_.processes.find_pid(exec.pid, exec.boot);
  if (!process) return;
  const auto proc = snapshot_of(process->key);
  process->exe = proc ? proc->exe : "";
  Record record = shared_.make(Kind::Exec, exec.boot, process);
  record.name = exec.comm;
  record.grade = Grade::Likely;
  record.via = "perf";
  if (proc) record.args = proc->args;
  shared_.emit(std::move(record), process);
}

void ProcessTranslator::recover_exit(const perf::EndedTask& exit) {
  Process* process = shared_.processes.find_pid(exit.pid, exit.boot);
  if (!process || process->ended.ns != 0) return;
  Record record = shared_.make(Kind::Exit, exit.boot, process);
  record.result = "unknown";
  record.grade = Grade::Likely;
  record.via = "perf";
  shared_.emit(std::move(record), process);
  shared_.processes.end(*process, exit.boot);
  process->ended_batch = shared_.batch;
}

}  // namespace alibi::recorder
