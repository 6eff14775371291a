// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Life of processes: fork, exec, failed exec, exit; signals to the recorder;
// kernel modules, mounts, and deletion of executables.
//
// Hooks: tp_btf/sched_process_{fork,exec,exit} (tracepoints since 2.6.32, BTF
// attach since 5.5), tp_btf/signal_generate, tp_btf/module_{load,free},
// tp/syscalls/sys_exit_*. From 7.x on BTF tracepoints run preemptible and the
// kernel skips a program that is active already on the CPU; the recorder
// compares with the perf side band to notice.

#include "kernel_types.h"

#include "lib/emit.h"
#include "lib/paths.h"
#include "lib/process_key.h"
#include "lib/syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* the recorder sets the number of CPUs */
  __type(key, u32);
  __type(value, struct exec_scratch);
} al_scratch SEC(".maps");

/* Last components of the paths of executables that ran, as hashes. Deleting
 * another file is no news: compilers do it all the time. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, u64);
  __type(value, u8);
} al_image_names SEC(".maps");

/* FNV-1a of the last component of a path. */
static __always_inline u64 name_hash(const char *path) {
  const u64 basis = 0xcbf29ce484222325, prime = 0x100000001b3;
  u64 hash = basis;
  for (int i = 0; i < ALIBI_DELETED_PATH_BYTES_MAX - 1; i++) {
    char c = path[i];
    if (!c) break;
    hash = c == '/' ? basis : (hash ^ (u8)c) * prime;
  }
  return hash;
}

static __noinline int remember_image(struct dentry *dentry) {
  char name[ALIBI_DELETED_PATH_BYTES_MAX];
  if (bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name)) <= 0) return 0;
  u64 hash = name_hash(name);
  u8 one = 1;
  if (!bpf_map_lookup_elem(&al_image_names, &hash)) bpf_map_update_elem(&al_image_names, &hash, &one, BPF_ANY);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(al_fork, struct task_struct *parent, struct task_struct *child) {
  if (child->pid != child->tgid) return 0; /* a thread */
  struct alibi_fork r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_typed(&r.header.process, child);
  key_of_typed(&r.parent, parent);
  r.cgroup_id = cgroup_v2_id(child);
  BPF_CORE_READ_STR_INTO(&r.comm, child, comm);
  emit_process(&r, ALIBI_RECORD_FORK, sizeof(r));
  return 0;
}

static __always_inline void fill_namespaces(struct alibi_exec *e, struct task_struct *task) {
  struct nsproxy *ns = task->nsproxy;
  e->mount_ns = ns->mnt_ns->ns.inum;
  e->net_ns = ns->net_ns->ns.inum;
  e->cgroup_ns = ns->cgroup_ns->ns.inum;
  e->user_ns = task->cred->user_ns->ns.inum;
  struct pid *pid = BPF_CORE_READ(task, thread_pid); /* checked: arithmetic follows */
  u32 level = BPF_CORE_READ(pid, level);
  if (level > 32) return; /* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */
  struct upid *upid = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
                      level * bpf_core_type_size(struct upid);
  e->pid_in_ns = BPF_CORE_READ(upid, nr);
  e->pid_ns = BPF_CORE_READ(upid, ns, ns.inum);
}

static __always_inline void fill_credentials(struct alibi_exec *e, struct task_struct *task) {
  const struct cred *cred = task->cred;
  e->gid = cred->gid.val;
  e->euid = cred->euid.val;
  e->egid = cred->egid.val;
  bpf_core_read(&e->capabilities, sizeof(e->capabilities), &cred->cap_effective);
  e->auid = task->loginuid.val;
  e->session = task->sessionid;
}

static __always_inline void fill_image(struct alibi_exec *e, struct file *file, u32 *flags) {
  struct inode *inode = file->f_inode;
  e->inode = inode->i_ino;
  e->device = inode->i_sb->s_dev;
  e->mode = inode->i_mode;
  e->links = inode->__i_nlink;
  e->file_uid = inode->i_uid.val;
  e->fs_magic = inode->i_sb->s_magic;
  e->file_bytes = inode->i_size;
  e->mtime_ns = INODE_TIME(inode, mtime);
  e->ctime_ns = INODE_TIME(inode, ctime);
  if (!file->f_path.dentry->d_hash.pprev) *flags |= ALIBI_EXEC_DELETED;
  if ((e->mode & S_ISUID_ISGID) && (e->euid != e->header.process.uid || e->egid != e->gid))
    *flags |= ALIBI_EXEC_SETUID;
}

static __always_inline void append_args(struct exec_scratch *s, struct mm_struct *mm, u32 *flags) {
  struct alibi_exec *e = &s->record;
  u64 start = mm->arg_start;
  u64 total = mm->arg_end - start;
  if (total > ALIBI_ARGS_BYTES_MAX) *flags |= ALIBI_EXEC_ARGS_CUT;
  e->args_total_bytes = total;
  u32 n = total < ALIBI_ARGS_BYTES_MAX ? total : ALIBI_ARGS_BYTES_MAX;
  barrier_var(n); /* else the bound is checked on another register than is used */
  if (n > ALIBI_ARGS_BYTES_MAX) n = ALIBI_ARGS_BYTES_MAX;
  if (bpf_probe_read_user(s->tail, n, (void *)start)) {
    *flags |= ALIBI_EXEC_ARGS_UNREAD;
    n = 0;
  }
  e->args_bytes = n;
  s->offset = n;
}

static __always_inline void append_exe(struct exec_scratch *s, struct file *file, u32 *flags) {
  struct alibi_exec *e = &s->record;
  struct dentry *dentry = file->f_path.dentry;
  e->exe_bytes = append_path(s, dentry, file->f_path.mnt, flags);
  if (e->exe_bytes == 0) { /* memfd and other files that are their own root */
    u32 start = s->offset;
    append_name(s, dentry);
    e->exe_bytes = s->offset - start;
    if (e->fs_magic == TMPFS_MAGIC || e->fs_magic == (u32)HUGETLBFS_MAGIC)
      *flags |= ALIBI_EXEC_MEMFD;
  }
}

static __always_inline void append_cwd(struct exec_scratch *s, struct task_struct *task, u32 *flags) {
  struct fs_struct *fs = task->fs;
  u32 ignored = 0;
  s->record.cwd_bytes = append_path(s, fs->pwd.dentry, fs->pwd.mnt,
                                    &ignored);
  if (fs->root.dentry != fs->root.mnt->mnt_root)
    *flags |= ALIBI_EXEC_CHROOT;
}

static __always_inline void append_filename(struct exec_scratch *s, const char *filename) {
  u32 offset = s->offset;
  if (offset > TAIL_BYTES_MAX - ALIBI_PATH_BYTES_MAX) return;
  long n = bpf_probe_read_kernel_str(s->tail + offset, ALIBI_PATH_BYTES_MAX, filename);
  if (n <= 0) return;
  s->record.filename_bytes = n;
  s->offset = offset + n;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(al_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm) {
  u32 cpu = bpf_get_smp_processor_id();
  struct exec_scratch *s = bpf_map_lookup_elem(&al_scratch, &cpu);
  if (!s) {
    count_loss(ALIBI_RING_PROCESS, ALIBI_RECORD_EXEC);
    return 0;
  }
  struct alibi_exec *e = &s->record;
  __builtin_memset(e, 0, sizeof(*e));
  u32 flags = 0;
  struct mm_struct *mm = task->mm;
  struct file *file = mm->exe_file;
  const char *filename = bprm->filename;
  if (filename != bprm->interp) flags |= ALIBI_EXEC_SCRIPT;

  key_of_typed(&e->header.process, task);
  key_of_typed(&e->parent, task->real_parent);
  e->cgroup_id = cgroup_v2_id(task);
  e->cgroup_v1_id = cgroup_v1_id(task);
  bpf_get_current_comm(e->comm, sizeof(e->comm));
  fill_credentials(e, task);
  fill_namespaces(e, task);
  fill_image(e, file, &flags);
  append_args(s, mm, &flags);
  append_exe(s, file, &flags);
  append_cwd(s, task, &flags);
  remember_image(file->f_path.dentry);
  append_filename(s, filename);
  e->flags = flags;

  /* 64 bits wide all the way: 5.10 loses a bound that was checked on 32 of them */
  u64 tail = s->offset;
  barrier_var(tail);
  if (tail > TAIL_BYTES_MAX) tail = TAIL_BYTES_MAX;
  emit_process(e, ALIBI_RECORD_EXEC, sizeof(*e) + tail);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(al_exit, struct task_struct *task) {
  struct signal_struct *signal = task->signal;
  if (signal->live.counter != 0) return 0; /* other threads live on */
  struct alibi_exit r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_typed(&r.header.process, task);
  key_of_typed(&r.parent, task->real_parent);
  r.exit_code = task->exit_code;
  r.cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
  r.max_rss_pages = signal->maxrss;
  r.read_bytes = signal->ioac.rchar + task->ioac.rchar;
  r.written_bytes = signal->ioac.wchar + task->ioac.wchar;
  bpf_get_current_comm(r.comm, sizeof(r.comm));
  emit_process(&r, ALIBI_RECORD_EXIT, sizeof(r));
  return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(al_signal, int sig, struct kernel_siginfo *info, struct task_struct *target) {
  struct alibi_config *c = config();
  enum { SIGCHLD_ = 17 }; /* of our own children: no news */
  if (!c || !c->recorder_tgid || sig == SIGCHLD_) return 0;
  if ((u32)target->tgid != c->recorder_tgid) return 0;
  struct alibi_signal r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_current(&r.header.process);
  r.signal = sig;
  /* SEND_SIG_NOINFO is 0 and SEND_SIG_PRIV is 1 (include/linux/sched/signal.h):
   * not pointers, and the verifier of 6.12 knows it, hence the checked read. */
  r.code = (u64)info > 1 ? BPF_CORE_READ(info, si_code) : (info ? 0x80 : 0);
  bpf_get_current_comm(r.comm, sizeof(r.comm));
  emit_process(&r, ALIBI_RECORD_SIGNAL, sizeof(r));
  return 0;
}

static __always_inline int kernel_module(struct module *module, u32 is_load) {
  struct alibi_kernel_module r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_current(&r.header.process);
  r.is_load = is_load;
  BPF_CORE_READ_STR_INTO(&r.name, module, name);
  emit_process(&r, ALIBI_RECORD_KERNEL_MODULE, sizeof(r));
  return 0;
}

SEC("tp_btf/module_load")
int BPF_PROG(al_module_load, struct module *module) { return kernel_module(module, 1); }

SEC("tp_btf/module_free")
int BPF_PROG(al_module_free, struct module *module) { return kernel_module(module, 0); }

/* ------------------------------------------------- system calls that ended */

static __always_inline int exec_failed(long ret, bool has_dirfd) {
  if (ret >= 0) return 0;
  struct alibi_exec_fail r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_current(&r.header.process);
  r.error = -ret;
  struct pt_regs *regs = user_registers();
  u64 filename = has_dirfd ? BPF_CORE_READ(regs, si) : BPF_CORE_READ(regs, di);
  bpf_probe_read_user_str(r.filename, sizeof(r.filename), (void *)filename);
  emit_process(&r, ALIBI_RECORD_EXEC_FAIL, sizeof(r));
  return 0;
}

SEC("tp/syscalls/sys_exit_execve")
int al_execve(struct syscall_exit *ctx) { return exec_failed(ctx->ret, false); }

SEC("tp/syscalls/sys_exit_execveat")
int al_execveat(struct syscall_exit *ctx) { return exec_failed(ctx->ret, true); }

SEC("tp/syscalls/sys_exit_mount")
int al_mount(struct syscall_exit *ctx) {
  struct alibi_mount *r = bpf_ringbuf_reserve(&al_ring_process, sizeof(*r), 0);
  if (!r) {
    lose_record(ALIBI_RING_PROCESS, ALIBI_RECORD_MOUNT);
    return 0;
  }
  __builtin_memset(r, 0, sizeof(*r));
  key_of_current(&r->header.process);
  struct pt_regs *regs = user_registers();
  r->error = ctx->ret < 0 ? -ctx->ret : 0;
  r->flags = BPF_CORE_READ(regs, r10);
  r->mount_ns = BPF_CORE_READ(current_task(), nsproxy, mnt_ns, ns.inum);
  bpf_probe_read_user_str(r->source, sizeof(r->source), (void *)BPF_CORE_READ(regs, di));
  bpf_probe_read_user_str(r->target, sizeof(r->target), (void *)BPF_CORE_READ(regs, si));
  bpf_probe_read_user_str(r->type, sizeof(r->type), (void *)BPF_CORE_READ(regs, dx));
  number_record(&r->header, ALIBI_RING_PROCESS, ALIBI_RECORD_MOUNT, sizeof(*r));
  bpf_ringbuf_submit(r, wake_flags(&al_ring_process));
  return 0;
}

static __always_inline int deleted(long ret, s32 directory, u64 path, u64 to) {
  if (ret) return 0;
  char name[ALIBI_DELETED_PATH_BYTES_MAX];
  if (bpf_probe_read_user_str(name, sizeof(name), (void *)path) <= 0) return 0;
  u64 hash = name_hash(name);
  if (!bpf_map_lookup_elem(&al_image_names, &hash)) return 0;
  struct alibi_file_delete *r = bpf_ringbuf_reserve(&al_ring_process, sizeof(*r), 0);
  if (!r) {
    lose_record(ALIBI_RING_PROCESS, ALIBI_RECORD_FILE_DELETE);
    return 0;
  }
  __builtin_memset(r, 0, sizeof(*r));
  key_of_current(&r->header.process);
  r->directory = directory;
  __builtin_memcpy(r->path, name, sizeof(r->path));
  if (to) {
    r->is_rename = 1;
    bpf_probe_read_user_str(r->to, sizeof(r->to), (void *)to);
  }
  number_record(&r->header, ALIBI_RING_PROCESS, ALIBI_RECORD_FILE_DELETE, sizeof(*r));
  bpf_ringbuf_submit(r, wake_flags(&al_ring_process));
  return 0;
}

enum { WORKING_DIRECTORY = -100, REMOVE_DIRECTORY = 0x200 }; /* AT_FDCWD, AT_REMOVEDIR */

SEC("tp/syscalls/sys_exit_unlink")
int al_unlink(struct syscall_exit *ctx) {
  return deleted(ctx->ret, WORKING_DIRECTORY, BPF_CORE_READ(user_registers(), di), 0);
}

SEC("tp/syscalls/sys_exit_unlinkat")
int al_unlinkat(struct syscall_exit *ctx) {
  struct pt_regs *regs = user_registers();
  if (BPF_CORE_READ(regs, dx) & REMOVE_DIRECTORY) return 0;
  return deleted(ctx->ret, BPF_CORE_READ(regs, di), BPF_CORE_READ(regs, si), 0);
}

SEC("tp/syscalls/sys_exit_rename")
int al_rename(struct syscall_exit *ctx) {
  struct pt_regs *regs = user_registers();
  return deleted(ctx->ret, WORKING_DIRECTORY, BPF_CORE_READ(regs, di), BPF_CORE_READ(regs, si));
}

static __always_inline int renamed_at(struct syscall_exit *ctx) {
  struct pt_regs *regs = user_registers();
  return deleted(ctx->ret, BPF_CORE_READ(regs, di), BPF_CORE_READ(regs, si), BPF_CORE_READ(regs, r10));
}

SEC("tp/syscalls/sys_exit_renameat")
int al_renameat(struct syscall_exit *ctx) { return renamed_at(ctx); }

SEC("tp/syscalls/sys_exit_renameat2")
int al_renameat2(struct syscall_exit *ctx) { return renamed_at(ctx); }
