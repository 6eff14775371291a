// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The sender of marks (docs/marking.md, sections 4, 5 and 7): what sockets send
// is marked as the socket makes it; the guard on the way out of the host marks
// what sockets cannot, and UDP.
//
// Header options of sock_ops since 5.10, variable stack writes since 5.12,
// TCP_BPF_SOCK_OPS_CB_FLAGS for sockets that exist since 6.12.

#include "kernel_types.h"

#include "lib/mark_guard_tcp.h"
#include "lib/mark_guard_udp.h"
#include "lib/mark_sender.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ------------------------------------------------------------------ sockets */

static __always_inline void source_of_socket(struct bpf_sock_ops *ops, u8 *source) {
  u32 words[4] = {0, 0, bpf_htonl(0xffff), 0};
  u32 family = ops->family;
  barrier_var(family);  /* merged loads would be refused by the verifier, here and below */
  if (family == AF_INET6) {
    words[0] = ops->local_ip6[0];
    barrier_var(words[0]);
    words[1] = ops->local_ip6[1];
    barrier_var(words[1]);
    words[2] = ops->local_ip6[2];
    barrier_var(words[2]);
    words[3] = ops->local_ip6[3];
    barrier_var(words[3]);
  } else {
    words[3] = ops->local_ip4;
    barrier_var(words[3]);
  }
  __builtin_memcpy(source, words, sizeof(words));
}

/* TCP lowers its payload by what is reserved here. */
static __always_inline void reserve_room(struct bpf_sock_ops *ops) {
  struct alibi_mark_state *state = mark_state();
  if (!state) return;
  struct live_diagnoses live;
  find_live(state, &live);
  if (!live.count) return;
  u32 most = count_that_fits(state, &live, ALIBI_MARK_V1_HEAD_BYTES, ALIBI_MARK_OPTIONS_BYTES_MAX);
  u32 head = state->version == 2 ? ALIBI_MARK_V2_HEAD_BYTES + ALIBI_MARK_TAG_BYTES
                                 : ALIBI_MARK_V1_HEAD_BYTES;
  for (u32 n = ALIBI_MARK_DIAGNOSES_MAX; n >= 1; n--)
    if (n <= most && !bpf_reserve_hdr_opt(ops, head + n * ALIBI_MARK_DIAGNOSIS_BYTES, 0)) return;
  if (ops->args[0] != BPF_WRITE_HDR_TCP_CURRENT_MSS) MARK_COUNT(socket_no_room); /* a segment, no estimate */
}

/* What was reserved: the header's length less what is written of it. */
static __always_inline u32 reserved_bytes(struct bpf_sock_ops *ops) {
  u8 *header = (u8 *)(long)ops->skb_data;
  u8 *end = (u8 *)(long)ops->skb_data_end;
  if (header + 20 > end) return 0;
  u32 whole = (header[12] >> 4) * 4;
  u32 written = end - header;
  return whole > written ? whole - written : 0;
}

static __always_inline void write_option(struct bpf_sock_ops *ops) {
  struct alibi_mark_state *state = mark_state();
  if (!state) return;
  struct live_diagnoses live;
  find_live(state, &live);
  u32 count = count_that_fits(state, &live, ALIBI_MARK_V1_HEAD_BYTES, reserved_bytes(ops));
  if (!count) return;
  u8 option[ALIBI_MARK_BUFFER_BYTES] = {};
  u32 bytes = write_mark(state, ALIBI_MARK_TCP_KIND, &live, count, option);
  if (state->version == 2) {
    u8 source[ALIBI_MARK_SOURCE_BYTES];
    source_of_socket(ops, source);
    alibi_mark_write_tag(option, count, tag_of(state, source, option, count));
  }
  u64 n = BOUNDED(bytes, ALIBI_MARK_OPTIONS_BYTES_MAX);
  if (n && !bpf_store_hdr_opt(ops, option, n, 0)) MARK_COUNT(by_socket);
}

SEC("sockops")
int al_mk_socket(struct bpf_sock_ops *ops) {
  switch (ops->op) {
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
      bpf_sock_ops_cb_flags_set(ops,
                                ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
      break;
    case BPF_SOCK_OPS_HDR_OPT_LEN_CB: reserve_room(ops); break;
    case BPF_SOCK_OPS_WRITE_HDR_OPT_CB: write_option(ops); break;
  }
  return 1;
}

/* Sockets older than marking, of the network namespace of who reads this. */
SEC("iter/tcp")
int al_mk_existing(struct bpf_iter__tcp *ctx) {
  enum { SOL_TCP_ = 6, TCP_BPF_SOCK_OPS_CB_FLAGS_ = 1008 };
  struct sock_common *common = ctx->sk_common;
  if (!common) return 0;
  struct tcp_sock *tcp = bpf_skc_to_tcp_sock(common);
  if (!tcp) return 0;
  int flags = 0;
  if (bpf_getsockopt(tcp, SOL_TCP_, TCP_BPF_SOCK_OPS_CB_FLAGS_, &flags, sizeof(flags))) flags = 0;
  flags |= BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG;
  if (bpf_setsockopt(tcp, SOL_TCP_, TCP_BPF_SOCK_OPS_CB_FLAGS_, &flags, sizeof(flags)))
    MARK_COUNT(existing_failed);
  else
    MARK_COUNT(existing_marked);
  return 0;
}

/* -------------------------------------------------------------------- guard */

/* Never decides about a packet: others' programs come after it. */
SEC("tc")
int al_mk_guard(struct __sk_buff *skb) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s || !look_at_packet(skb, &s->packet)) return TC_NEXT;
  if (s->packet.protocol != IPPROTO_TCP)
    mark_guard_datagram(skb);
  else if (s->packet.is_forwarded || !is_as_usual(skb, state, s))
    mark_guard_segment(skb);
  return TC_NEXT;
}
