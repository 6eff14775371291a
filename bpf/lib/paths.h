/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths and file identity, read from the dentry and mount trees, as far as the
 * verifier lets one walk. Path components are written leaf first, each ended
 * by NUL; the recorder turns them round. */
#ifndef ALIBI_PATHS_H
#define ALIBI_PATHS_H

#include "lib/maps.h"

enum {
  PATH_COMPONENTS_MAX = 64,
  NAME_BYTES_MAX = 256, /* NAME_MAX and its NUL */
  TAIL_BYTES_MAX = ALIBI_ARGS_BYTES_MAX + 3 * ALIBI_PATH_BYTES_MAX,
};

/* Where an exec record is put together: too large for the stack, and for a
 * per-CPU map (32 KiB), hence one array element per CPU. Safe although
 * programs can be preempted: the kernel never runs the same program twice at a
 * time on one CPU, and pins it to its CPU while it runs. */
struct exec_scratch {
  /* The offset lives in map memory, so that every turn of a loop looks the
   * same to the verifier; on the stack it would walk all of them. */
  u32 offset;
  u32 limit;
  struct alibi_exec record;
  u8 tail[TAIL_BYTES_MAX + NAME_BYTES_MAX];
};

static __always_inline void append_name(struct exec_scratch* s, const struct dentry* d) {
  u32 offset = s->offset;
  if (offset > TAIL_BYTES_MAX) return;
  long n =
      bpf_probe_read_kernel_str(s->tail + offset, NAME_BYTES_MAX, BPF_CORE_READ(d, d_name.name));
  if (n > 0) s->offset = offset + n;
}

/* Returns the bytes written. */
static __always_inline u32 append_path(struct exec_scratch* s, struct dentry* d,
                                       struct vfsmount* vfs, u32* flags) {
  u32 start = s->offset;
  s->limit = start + ALIBI_PATH_BYTES_MAX - NAME_BYTES_MAX;
  struct mount* mnt = (void*)vfs - bpf_core_field_offset(struct mount, mnt);
  struct dentry* root = BPF_CORE_READ(mnt, mnt.mnt_root);
  bool whole = false;
  for (int i = 0; i < PATH_COMPONENTS_MAX; i++) {
    struct dentry* parent = BPF_CORE_READ(d, d_parent);
    if (d == root || d == parent) {
      struct mount* above = BPF_CORE_READ(mnt, mnt_parent);
      if (d != root || above == mnt) {
        whole = true;
        break;
      }
      d = BPF_CORE_READ(mnt, mnt_mountpoint);
      mnt = above;
      root = BPF_CORE_READ(mnt, mnt.mnt_root);
      continue;
    }
    if (s->offset > s->limit) break;
    append_name(s, d);
    d = parent;
  }
  if (!whole) *flags |= ALIBI_EXEC_PATH_CUT;
  return s->offset - start;
}

/* From 6.13 on the top bit of i_ctime_nsec says that somebody looked
 * (I_CTIME_QUERIED, fs/inode.c); nanoseconds never need it. */
#define CTIME_QUERIED 0x80000000u

/* `inode` is of a type the verifier knows. */
#define INODE_TIME(inode, name)                                                                    \
  ({                                                                                               \
    u64 ns_ = 0;                                                                                   \
    struct inode___v66* v66_ = (void*)(inode);                                                     \
    struct inode___old* old_ = (void*)(inode);                                                     \
    if (bpf_core_field_exists((inode)->i_##name##_sec))                                            \
      ns_ = (inode)->i_##name##_sec * 1000000000ull + ((inode)->i_##name##_nsec & ~CTIME_QUERIED); \
    else if (bpf_core_field_exists(v66_->__i_##name))                                              \
      ns_ = v66_->__i_##name.tv_sec * 1000000000ull + v66_->__i_##name.tv_nsec;                    \
    else if (bpf_core_field_exists(old_->i_##name))                                                \
      ns_ = old_->i_##name.tv_sec * 1000000000ull + old_->i_##name.tv_nsec;                        \
    ns_;                                                                                           \
  })

#endif
