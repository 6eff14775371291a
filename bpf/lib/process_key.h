/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* (tgid, start time): the only identity of a process we ever use. */
#ifndef ALIBI_PROCESS_KEY_H
#define ALIBI_PROCESS_KEY_H

#include "lib/kernel.h"

/* Any task, by checked reads. A thread has the key of its thread group. */
static __always_inline void key_of(struct alibi_process_key *key, const struct task_struct *task) {
  key->start_boot_ns = BPF_CORE_READ(task, group_leader, start_boottime);
  key->tgid = BPF_CORE_READ(task, tgid);
  key->uid = BPF_CORE_READ(task, cred, uid.val);
}

/* A task whose type the verifier knows (argument of a BTF tracepoint, context of
 * an iterator): plain loads, where a checked read calls a helper per step. */
static __always_inline void key_of_typed(struct alibi_process_key *key, const struct task_struct *task) {
  key->start_boot_ns = task->group_leader->start_boottime;
  key->tgid = task->tgid;
  key->uid = task->cred->uid.val;
}

#ifdef ALIBI_LEGACY
static __always_inline struct task_struct *current_task(void) {
  return (struct task_struct *)bpf_get_current_task();
}
#define USER_REGISTER(regs, name) BPF_CORE_READ(regs, name)
#define TASK_READ(task, ...) BPF_CORE_READ(task, __VA_ARGS__)
#else
static __always_inline struct task_struct *current_task(void) {
  return bpf_get_current_task_btf();
}
/* of bpf_task_pt_regs */
#define USER_REGISTER(regs, name) ((regs)->name)
#endif

static __always_inline void key_of_current(struct alibi_process_key *key) {
#ifdef ALIBI_LEGACY
  key_of(key, current_task());
#else
  struct task_struct *task = current_task();
  key->start_boot_ns = task->group_leader->start_boottime;
  key->tgid = task->tgid;
  key->uid = (u32)bpf_get_current_uid_gid();
#endif
}

static __always_inline bool is_same(const struct alibi_process_key *a, const struct alibi_process_key *b) {
  return a->tgid == b->tgid && a->start_boot_ns == b->start_boot_ns;
}

static __always_inline u64 cgroup_v1_id(struct task_struct *task) {
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) return 0;
  u32 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
  struct css_set *set = BPF_CORE_READ(task, cgroups);
  struct cgroup_subsys_state *state = 0;
  bpf_probe_read_kernel(&state, sizeof(state),
                        (char *)set + bpf_core_field_offset(struct css_set, subsys) + 8 * index);
  return BPF_CORE_READ(state, cgroup, kn, id);
}

static __always_inline u64 cgroup_v2_id(struct task_struct *task) {
  return task->cgroups->dfl_cgrp->kn->id;
}

#endif
