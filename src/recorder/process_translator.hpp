#pragma once
// Kernel records of the process ring, and of the perf side band and the process
// connector, to log records. Keeps the process table up to date on the way.

#include <deque>

#include "recorder/image_inspector.hpp"
#include "recorder/perf_record.hpp"
#include "recorder/proc_connector.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

class ProcessTranslator {
 public:
  /// `inspector` may be null: images are then not hashed.
  ProcessTranslator(Translation& shared, ImageInspector* inspector)
      : shared_(shared), inspector_(inspector) {}

  /// One record of the process ring. False: its kind or length is not known.
  bool translate(std::span<const std::byte> bytes);

  void on_mapping(const perf::MapExec& mapping);
  void on_bpf_program(const perf::BpfProgram& program);
  void on_namespaces(const perf::Namespaces& namespaces);
  void on_ptrace(const proc::Ptrace& ptrace);
  void on_image(const ImageResult& image);

  /// Processes older than `begin` that the walk over all tasks did not show.
  void describe_unwalked(BootNs begin);

  /// Process events that only the side band saw (tracepoint programs can be
  /// skipped on 7.x kernels): rebuilt from it and from /proc.
  void recover_fork(const perf::NewProcess& fork);
  void recover_exec(const perf::Exec& exec);
  void recover_exit(const perf::EndedTask& exit);

 private:
  bool on_fork(const alibi_fork& fork);
  bool on_exec(const ExecView& exec);
  bool on_exec_fail(const alibi_exec_fail& failure);
  bool fold_exec_fail(const alibi_exec_fail& failure);
  bool on_exit(const alibi_exit& exit);
  bool on_signal(const alibi_signal& signal);
  bool on_kernel_module(const alibi_kernel_module& module);
  bool on_mount(const alibi_mount& mount);
  bool on_file_delete(const alibi_file_delete& deletion);
  bool on_task(const alibi_task& task);

  void inherit(Process& child, const Process* parent);
  void tell_namespaces(Process& process, const perf::Namespaces& namespaces);
  void describe_exec(event::Record& record, const alibi_exec& exec, const Process& process);
  void submit_image(const Process& process, const alibi_exec& exec);

  Translation& shared_;
  ImageInspector* inspector_;
  std::deque<perf::Namespaces> early_namespaces_;  ///< of clones whose fork record is not read yet
};

}  // namespace alibi::recorder
