/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel types the programs read, with only the members they read.
 *
 * Names are the kernel's; offsets are relocated at load time from the running
 * kernel's BTF (CO-RE), so what stands here is the complete list of what we
 * depend on. Members that moved or were renamed have one flavour per era
 * (suffix ___x is ignored by the relocation).
 */
#ifndef ALIBI_KERNEL_TYPES_H
#define ALIBI_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;
typedef struct { int counter; } atomic_t;
typedef struct { __s64 counter; } atomic64_t;

struct ns_common { u32 inum; };
struct net { struct ns_common ns; };
typedef struct { struct net *net; } possible_net_t;
struct net_device { possible_net_t nd_net; char name[16]; };
struct mnt_namespace { struct ns_common ns; };
struct user_namespace { struct ns_common ns; };
struct cgroup_namespace { struct ns_common ns; };
struct pid_namespace { struct ns_common ns; };
struct nsproxy {
  struct mnt_namespace *mnt_ns;
  struct net *net_ns;
  struct cgroup_namespace *cgroup_ns;
};
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; };

struct kernel_cap_any { u64 val; }; /* kernel_cap_t: u32[2] before 6.3, u64 since; 8 bytes either way */
struct cred {
  kuid_t uid; kgid_t gid; kuid_t euid; kgid_t egid;
  struct kernel_cap_any cap_effective;
  struct user_namespace *user_ns;
};

struct kernfs_node { u64 id; };
struct cgroup { struct kernfs_node *kn; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };
enum cgroup_subsys_id { memory_cgrp_id };

struct hlist_bl_node { struct hlist_bl_node **pprev; };
struct qstr { const unsigned char *name; };
struct super_block { u32 s_dev; unsigned long s_magic; };
struct inode {
  u16 i_mode; kuid_t i_uid; struct super_block *i_sb; unsigned long i_ino;
  unsigned int __i_nlink; u32 i_generation; __s64 i_size;
  __s64 i_mtime_sec; u32 i_mtime_nsec; __s64 i_ctime_sec; u32 i_ctime_nsec; /* since 6.11 */
};
struct timespec64 { __s64 tv_sec; long tv_nsec; };
struct inode___v66 { struct timespec64 __i_mtime; struct timespec64 __i_ctime; }; /* 6.6, mtime 6.7 */
struct inode___old { struct timespec64 i_mtime; struct timespec64 i_ctime; };
struct dentry { struct hlist_bl_node d_hash; struct dentry *d_parent; struct qstr d_name; struct inode *d_inode; };
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file { struct path f_path; struct inode *f_inode; void *private_data; };
struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct fs_struct { struct path root; struct path pwd; };

struct mm_struct { unsigned long arg_start; unsigned long arg_end; struct file *exe_file; };
struct task_io_accounting { u64 rchar; u64 wchar; };
struct sched_entity { u64 sum_exec_runtime; };
struct signal_struct {
  atomic_t live; unsigned long long sum_sched_runtime; unsigned long maxrss;
  struct task_io_accounting ioac;
};
struct task_struct {
  void *stack;
  unsigned int flags;
  struct sched_entity se;
  struct mm_struct *mm;
  int exit_code;
  int pid;
  int tgid;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  u64 start_boottime;
  const struct cred *cred;
  char comm[16];
  struct fs_struct *fs;
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
  kuid_t loginuid;
  unsigned int sessionid;
  struct css_set *cgroups;
  struct task_io_accounting ioac;
};
struct linux_binprm { const char *filename; const char *interp; };
struct kernel_siginfo { int si_code; };
struct module { char name[56]; };
struct pt_regs { unsigned long di, si, dx, r10, r8; };

struct in6_addr { u8 bytes[16]; };
struct sock_common {
  u32 skc_daddr; u32 skc_rcv_saddr; u16 skc_dport; u16 skc_num;
  u16 skc_family; volatile unsigned char skc_state;
  possible_net_t skc_net; struct in6_addr skc_v6_daddr; struct in6_addr skc_v6_rcv_saddr;
  unsigned long skc_flags;
  atomic64_t skc_cookie;
};
typedef struct { int owned; } socket_lock_t;
struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  u16 sk_type;
  u16 sk_protocol;
  int sk_err;
  int sk_err_soft;
};
struct inet_sock { struct sock sk; u16 inet_sport; };
struct inet_connection_sock { struct inet_sock icsk_inet; };
struct tcp_sock {
  struct inet_connection_sock inet_conn;
  u32 segs_in; u32 segs_out; u64 bytes_received; u64 bytes_sent; u64 bytes_retrans;
  u32 total_retrans; u32 srtt_us;
};
struct socket { short type; struct sock *sk; };
struct sk_buff {
  struct sock *sk; struct net_device *dev; unsigned int len; u16 transport_header; unsigned char *head; unsigned char *data;
  u16 network_header; unsigned long _skb_refdst; u8 ip_summed : 2;
};
struct dst_ops { unsigned short family; };
struct dst_entry { struct dst_ops *ops; unsigned long _metrics; };
struct rtable { struct dst_entry dst; u32 rt_pmtu : 31; };

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
struct bpf_iter__task_file {
  struct bpf_iter_meta *meta; struct task_struct *task; u32 fd; struct file *file;
};
struct bpf_iter__tcp { struct bpf_iter_meta *meta; struct sock_common *sk_common; };
struct bpf_iter__bpf_sk_storage_map {
  struct bpf_iter_meta *meta; struct bpf_map *map; struct sock *sk; void *value;
};
struct bpf_iter__bpf_map_elem {
  struct bpf_iter_meta *meta; struct bpf_map *map; void *key; void *value;
};

#pragma clang attribute pop

enum {
  AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17,
  SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3,
  IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_ICMPV6 = 58,
  TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8, TCP_LISTEN = 10,
  SOCK_FLAG_DONE = 1, /* enum sock_flags SOCK_DONE: the peer's FIN was received */
  PF_KTHREAD = 0x00200000,
  S_ISUID_ISGID = 06000,
  TMPFS_MAGIC = 0x01021994, HUGETLBFS_MAGIC = (int)0x958458f6,
};

#endif
