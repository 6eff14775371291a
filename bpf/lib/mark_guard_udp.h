/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams: the mark stands in the surplus area behind the payload (RFC 9868).
 *
 * The option checksum makes the surplus area and its length sum up to zero, so
 * that a checksum over the whole IP payload, as Linux's connection tracking
 * computes it, is right as well. */
#ifndef ALIBI_MARK_GUARD_UDP_H
#define ALIBI_MARK_GUARD_UDP_H

#include "lib/mark_options.h"

enum { UDP_HEADER_BYTES = 8, OPTION_CHECKSUM_BYTES = 2, CHECKSUM_PARTIAL = 3 };

static __always_inline u32 fold_sum(u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/* Option checksum and option, where they begin at an even offset, for a surplus area of
 * so many bytes (0: as many as it takes behind the pad). Returns their bytes. */
__noinline int mark_write_trailer(u32 count, u32 pad, u32 surplus) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s || count > ALIBI_MARK_DIAGNOSES_MAX) return 0;
  __builtin_memset(s->trailer, 0, sizeof(s->trailer));
  __builtin_memset(s->option, 0, sizeof(s->option));
  u32 bytes = count ? write_mark(state, ALIBI_MARK_UDP_KIND, &s->live, count, s->option) : 0;
  if (count && state->version == 2)
    alibi_mark_write_tag(s->option, count, tag_of(state, s->packet.source, s->option, count));
  __builtin_memcpy(s->trailer + OPTION_CHECKSUM_BYTES, s->option,
                   sizeof(s->trailer) - OPTION_CHECKSUM_BYTES);
  bytes += OPTION_CHECKSUM_BYTES;
  u64 sum = (u32)bpf_csum_diff(0, 0, (__be32 *)s->trailer, sizeof(s->trailer), 0);
  u16 checksum = ~fold_sum(sum + bpf_htons(surplus ? surplus : bytes + pad));
  __builtin_memcpy(s->trailer, &checksum, sizeof(checksum));
  return bytes;
}

static __always_inline bool append_trailer(struct __sk_buff *skb, struct guarded *packet,
                                           struct guard_scratch *s, u32 pad, u32 bytes) {
  u32 growth = bytes + pad;
  /* Devices and the stack sum up to the end of the packet: the seed makes up for
   * the surplus area, which sums up to minus its length. */
  bool is_partial = BPF_CORE_READ_BITFIELD_PROBED(kernel_skb(skb), ip_summed) == CHECKSUM_PARTIAL;
  u64 n = BOUNDED(bytes, ALIBI_MARK_BUFFER_BYTES);
  if (!n || bpf_skb_change_tail(skb, skb->len + growth, 0)) return false; /* new bytes are zero */
  n = BOUNDED(bytes, ALIBI_MARK_BUFFER_BYTES);
  if (!n || bpf_skb_store_bytes(skb, packet->l4 + packet->l4_bytes + pad, s->trailer, n, 0))
    return false;
  if (!set_ip_bytes(skb, packet, packet->ip_bytes + growth)) return false;
  return !is_partial ||
         !bpf_l4_csum_replace(skb, packet->l4 + 6, 0, bpf_htons(growth), BPF_F_PSEUDO_HDR | 2);
}

/* The mark in a surplus area of `surplus` bytes that was there before; in s->mark. */
__noinline int mark_parse_surplus(struct __sk_buff *skb, u32 surplus) {
  struct guard_scratch *s = guard_scratch();
  if (!s) return 0;
  u64 n = BOUNDED(surplus, ALIBI_MARK_SURPLUS_BYTES_MAX);
  u32 at = s->packet.l4 + s->packet.l4_bytes - surplus;
  __builtin_memset(s->before, 0, sizeof(s->before));
  alibi_mark_clear(&s->mark);
  if (!n || bpf_skb_load_bytes(skb, at, s->before, n)) return 0;
  alibi_mark_parse_udp(s->before, n, (s->packet.l4_bytes - surplus) & 1, &s->mark);
  return s->mark.bytes != 0;
}

/* In place of it what this host says, as much as goes in, and zeros, which end the
 * options. False: it could not be done. */
__noinline int mark_replace_surplus(struct __sk_buff *skb, u32 surplus) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s || surplus > ALIBI_MARK_SURPLUS_BYTES_MAX) return 0;
  u32 at = s->packet.l4 + s->packet.l4_bytes - surplus;
  u32 pad = (s->packet.l4_bytes - surplus) & 1;
  if (surplus < pad + OPTION_CHECKSUM_BYTES) return 0;
  /* The sum of a device would have to be made up for by what we do not know. */
  if (BPF_CORE_READ_BITFIELD_PROBED(kernel_skb(skb), ip_summed) == CHECKSUM_PARTIAL) return 0;
  u32 count = count_that_fits(state, &s->live, ALIBI_MARK_UDP_V1_HEAD_BYTES,
                              surplus - pad - OPTION_CHECKSUM_BYTES);
  u32 bytes = mark_write_trailer(count, pad, surplus);
  __builtin_memset(s->after, 0, sizeof(s->after));
  u64 n = BOUNDED(surplus, ALIBI_MARK_SURPLUS_BYTES_MAX);
  if (!n || bpf_skb_store_bytes(skb, at, s->after, n, 0)) return 0;
  n = BOUNDED(bytes, ALIBI_MARK_BUFFER_BYTES);
  if (!n || bpf_skb_store_bytes(skb, at + pad, s->trailer, n, 0)) return 0;
  if (count) MARK_COUNT(datagrams);
  return 1;
}

/* What stood behind the payload before: options of others stay, marks of others not. */
static __always_inline void guard_surplus(struct __sk_buff *skb, const struct alibi_mark_state *state,
                                          struct guard_scratch *s, u32 surplus) {
  if (!mark_parse_surplus(skb, surplus)) {
    MARK_COUNT(surplus_used);
    return;
  }
  bool is_own = is_own_mark(state, s);
  if (is_own && !s->packet.is_forwarded) return;
  if (!mark_replace_surplus(skb, surplus))
    MARK_COUNT(surplus_used);
  else if (is_own)
    MARK_COUNT(tags_renewed);
  else
    MARK_COUNT(foreign_marks);
}

__noinline int mark_guard_datagram(struct __sk_buff *skb) {
  u8 h[UDP_HEADER_BYTES];
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s) return 0;
  struct guarded *packet = &s->packet;
  if (packet->l4_bytes < sizeof(h) || bpf_skb_load_bytes(skb, packet->l4, h, sizeof(h)))
    return 0;
  find_live(state, &s->live);
  if (!s->live.count) return 0;
  if (packet->gso_bytes) {
    MARK_COUNT_MANY(segmented_later, packet->packets);
    return 0;
  }
  u32 udp_bytes = h[4] << 8 | h[5];
  if (udp_bytes > packet->l4_bytes || skb->len != packet->l3 + packet->ip_bytes) {
    MARK_COUNT(failed);
    return 0;
  }
  if (udp_bytes != packet->l4_bytes) {
    guard_surplus(skb, state, s, packet->l4_bytes - udp_bytes);
    return 0;
  }
  if (!h[6] && !h[7]) {
    MARK_COUNT(no_checksum);
    return 0;
  }
  u32 pad = packet->l4_bytes & 1;
  u32 needed = packet->ip_bytes + pad + OPTION_CHECKSUM_BYTES;
  u32 mtu = mtu_of_way(skb);
  u32 room = mtu > needed ? mtu - needed : 0;
  u32 count = count_that_fits(state, &s->live, ALIBI_MARK_UDP_V1_HEAD_BYTES, room);
  if (!count) {
    MARK_COUNT(over_mtu);
    return 0;
  }
  u32 bytes = mark_write_trailer(count, pad, 0);
  if (append_trailer(skb, packet, s, pad, bytes))
    MARK_COUNT(datagrams);
  else
    MARK_COUNT(failed);
  return 0;
}

#endif
