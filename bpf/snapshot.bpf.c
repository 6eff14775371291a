// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Iterators: what exists already. The recorder reads them at start (snapshot)
// and from time to time (sweep). Nothing is written to the iterator's file;
// results go through the rings like every other record, so that they have a
// number and their loss is counted.
//
// iter/task and iter/task_file since 5.8, iter/bpf_sk_storage_map since 5.9.

#include "kernel_types.h"

#include "lib/emit.h"
#include "lib/paths.h"
#include "lib/process_key.h"
#include "lib/socket_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int al_it_task(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (!task || task->pid != task->tgid) return 0;
  struct alibi_task r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_typed(&r.header.process, task);
  key_of_typed(&r.parent, task->real_parent);
  r.cgroup_id = cgroup_v2_id(task);
  r.cgroup_v1_id = cgroup_v1_id(task);
  r.net_ns = task->nsproxy->net_ns->ns.inum;
  r.mount_ns = task->nsproxy->mnt_ns->ns.inum;
  r.is_kernel_thread = !!(task->flags & PF_KTHREAD);
  struct inode *inode = task->mm->exe_file->f_inode;
  if (inode) {
    r.inode = inode->i_ino;
    r.device = inode->i_sb->s_dev;
    r.file_bytes = inode->i_size;
    r.mtime_ns = INODE_TIME(inode, mtime);
    r.ctime_ns = INODE_TIME(inode, ctime);
  }
  BPF_CORE_READ_STR_INTO(&r.comm, task, comm);
  emit_process(&r, ALIBI_RECORD_TASK, sizeof(r));
  return 0;
}

static __always_inline u64 holder_mark(const struct alibi_process_key *key) {
  return key->start_boot_ns ^ ((u64)key->tgid << 40) ^ key->tgid;
}

/* True when this holder was not reported before. */
static __always_inline bool is_new_holder(struct socket_state *s, u64 mark) {
#pragma unroll
  for (int i = 0; i < ALIBI_HOLDERS_MAX; i++) {
    if (s->holders[i] == mark) return false;
    if (s->holders[i] == 0) {
      s->holders[i] = mark;
      return true;
    }
  }
  return false;
}

static __always_inline struct sock *socket_of(struct file *file) {
#ifdef ALIBI_LEGACY
  enum { S_IFMT_ = 0170000, S_IFSOCK_ = 0140000 };
  if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT_) != S_IFSOCK_) return 0;
  struct socket *socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk);
#else
  struct socket *socket = bpf_sock_from_file(file);
  return socket ? socket->sk : 0;
#endif
}

/* Every descriptor of an inet or packet socket. */
SEC("iter/task_file")
int al_it_files(struct bpf_iter__task_file *ctx) {
  struct task_struct *task = ctx->task;
  struct file *file = ctx->file;
  if (!task || !file || task->pid != task->tgid) return 0;
  struct sock *sk = socket_of(file);
  if (!sk) return 0;
  u16 family = SOCK_READ(sk, __sk_common.skc_family);
  if (family != AF_INET && family != AF_INET6 && family != AF_PACKET) return 0;
  u64 cookie = cookie_of(sk);
#ifdef ALIBI_LEGACY
  if (!cookie) return 0; /* without a packet so far: nothing to know it by; a later walk finds it */
  struct socket_state *s = BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? make_state(sk) : make_datagram_state(sk, cookie);
#else
  struct socket_state *s = make_state(sk);
#endif
  if (!s) {
    count_refused_state();
    return 0;
  }
  struct alibi_holder r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_typed(&r.header.process, task);
  if (!s->created_ns) { /* made by this lookup: nobody saw the socket being made */
    s->created_ns = bpf_ktime_get_boot_ns();
    s->flags = ALIBI_FLOW_SNAPSHOT;
    s->net_ns = net_ns_of(sk);
    if (SOCK_READ(sk, __sk_common.skc_state) == TCP_LISTEN && SOCK_READ(sk, sk_protocol) == IPPROTO_TCP)
      s->role = ALIBI_ROLE_LISTENER;
  }
  if (!is_new_holder(s, holder_mark(&r.header.process))) return 0;
  r.is_old_socket = !!(s->flags & ALIBI_FLOW_SNAPSHOT);
  fill_tuple(&r.tuple, sk);
  if (family == AF_PACKET) r.tuple.protocol = 0;
  r.cookie = cookie;
  r.net_ns = net_ns_of(sk);
  r.state = SOCK_READ(sk, __sk_common.skc_state);
  r.fd = ctx->fd;
  emit_network(&r, ALIBI_RECORD_HOLDER, sizeof(r));
  return 0;
}
