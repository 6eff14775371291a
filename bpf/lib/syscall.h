/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System calls that ended, at the tracepoints syscalls/sys_exit_*. */
#ifndef ALIBI_SYSCALL_H
#define ALIBI_SYSCALL_H

#include "lib/maps.h"

struct syscall_exit { /* the tracepoint's format */
  u64 common;
  long nr;
  long ret;
};

/* The arguments, as the caller's saved registers still have them. */
static __always_inline struct pt_regs *user_registers(void) {
#ifdef ALIBI_LEGACY
  enum { KERNEL_STACK_BYTES = 16384 }; /* x86_64 THREAD_SIZE */
  struct task_struct *task = (void *)bpf_get_current_task();
  return (void *)BPF_CORE_READ(task, stack) + KERNEL_STACK_BYTES - bpf_core_type_size(struct pt_regs);
#else
  return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
#endif
}

#endif
