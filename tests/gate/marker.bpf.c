// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Puts the TCP option of the map on every segment of the sockets of a cgroup,
// so that the tests of the gate have real connections that are marked.

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct option {
  __u32 bytes; /* 9 or 16; 0: no mark */
  __u8 content[40];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct option);
} marker_option SEC(".maps");

SEC("sockops")
int marker(struct bpf_sock_ops* ops) {
  __u32 zero = 0;
  struct option* option = bpf_map_lookup_elem(&marker_option, &zero);
  if (!option) return 1;
  __u32 bytes = option->bytes;
  switch (ops->op) {
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
      bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
      break;
    case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
      if (bytes) bpf_reserve_hdr_opt(ops, bytes == 9 ? 9 : 16, 0);
      break;
    case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
      if (bytes) bpf_store_hdr_opt(ops, option->content, bytes == 9 ? 9 : 16, 0);
      break;
  }
  return 1;
}
