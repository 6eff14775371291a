/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Segments that no marked socket made: resets to closed ports, TIME_WAIT, raw
 * sockets, and acknowledgements full of SACK blocks.
 *
 * A segment grows at its tail and its payload is moved: room between the headers
 * (bpf_skb_adjust_room) would leave csum_start of CHECKSUM_PARTIAL behind, which
 * no program can set. */
#ifndef ALIBI_MARK_GUARD_TCP_H
#define ALIBI_MARK_GUARD_TCP_H

#include "lib/mark_options.h"

/* Tries to place a mark behind `keep` bytes of options, within `limit`. */
static __always_inline bool plan_behind(const struct alibi_mark_state *state,
                                        struct guard_scratch *s, u32 keep, u32 limit,
                                        struct segment_plan *plan) {
  if (keep > limit) return false;
  plan->count = count_that_fits(state, &s->live, ALIBI_MARK_V1_HEAD_BYTES, limit - keep);
  plan->keep = keep;
  return plan->count != 0;
}

/* All options stay; else the first SACK block alone; else none. */
static __always_inline bool make_plan(const struct alibi_mark_state *state,
                                      struct guard_scratch *s, u32 used, u32 limit,
                                      struct segment_plan *plan) {
  plan->is_sack_cut = plan->is_first_block_kept = 0;
  if (plan_behind(state, s, used, limit, plan)) return true;
  u32 sack = s->sack.at;
  u32 sack_bytes = s->sack.bytes;
  if (!sack_bytes || s->sack.form == ALIBI_MARK_MALFORMED || sack + sack_bytes != used)
    return false;
  plan->is_sack_cut = 1;
  plan->is_first_block_kept = sack_bytes > TCP_SACK_FIRST_BLOCK_BYTES;
  if (plan->is_first_block_kept &&
      plan_behind(state, s, sack + TCP_SACK_FIRST_BLOCK_BYTES, limit, plan))
    return true;
  plan->is_first_block_kept = 0;
  return plan_behind(state, s, sack, limit, plan);
}

/* s->after: what is kept, the mark, NOPs. */
__noinline int mark_compose_segment(void) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s) return 0;
  struct segment_plan *plan = &s->plan;
  u32 mark_bytes = write_mark(state, ALIBI_MARK_TCP_KIND, &s->live, plan->count, s->option);
  if (state->version == 2)
    alibi_mark_write_tag(s->option, plan->count,
                         tag_of(state, s->packet.source, s->option, plan->count));
  plan->mark_bytes = mark_bytes;
  plan->bytes = (plan->keep + mark_bytes + 3) & ~3U;
  barrier();
  if (plan->bytes < plan->had) plan->bytes = plan->had;
  barrier();
  for (u32 i = 0; i < ALIBI_MARK_OPTIONS_BYTES_MAX; i++) {
    u8 byte = 1;
    if (i < plan->keep)
      byte = s->before[i];
    else if (i < plan->keep + plan->mark_bytes)
      byte = alibi_mark_byte(s->option, i - plan->keep);
    s->after[i] = i < plan->bytes ? byte : 0;
    barrier();
  }
  if (plan->is_first_block_kept) {
    u64 length_at = (u64)s->sack.at + 1;
    ALIBI_MARK_MASK(length_at);
    s->after[length_at] = TCP_SACK_FIRST_BLOCK_BYTES;
  }
  return 1;
}

/* Makes the segment `growth` bytes longer, between header and payload. */
static __always_inline bool grow_segment(struct __sk_buff *skb, struct guarded *packet,
                                         struct guard_scratch *s, u32 had, u32 growth) {
  u32 payload_at = packet->l4 + TCP_HEADER_BYTES + had;
  u32 payload_bytes = packet->l4_bytes - TCP_HEADER_BYTES - had;
  if (payload_bytes > GUARD_PAYLOAD_BYTES_MAX || skb->len != packet->l3 + packet->ip_bytes)
    return false;
  u64 n = BOUNDED(payload_bytes, GUARD_PAYLOAD_BYTES_MAX);
  if (n && bpf_skb_load_bytes(skb, payload_at, s->payload, n)) return false;
  if (bpf_skb_change_tail(skb, skb->len + growth, 0)) return false;
  n = BOUNDED(payload_bytes, GUARD_PAYLOAD_BYTES_MAX);
  if (n && bpf_skb_store_bytes(skb, payload_at + growth, s->payload, n, 0)) return false;
  if (!set_ip_bytes(skb, packet, packet->ip_bytes + growth)) return false;
  if (bpf_l4_csum_replace(skb, packet->l4 + 16, bpf_htons(packet->l4_bytes),
                          bpf_htons(packet->l4_bytes + growth), BPF_F_PSEUDO_HDR | 2))
    return false;
  u8 old[2];
  u8 new[2];
  u16 a, b;
  if (bpf_skb_load_bytes(skb, packet->l4 + 12, old, 2)) return false;
  new[0] = (old[0] & 0x0f) | ((TCP_HEADER_BYTES + had + growth) / 4) << 4;
  new[1] = old[1];
  __builtin_memcpy(&a, old, 2);
  __builtin_memcpy(&b, new, 2);
  return !bpf_l4_csum_replace(skb, packet->l4 + 16, a, b, 2) &&
         !bpf_skb_store_bytes(skb, packet->l4 + 12, new, 2, 0);
}

static __always_inline void count_unmarked(const struct alibi_mark_state *state,
                                           struct guarded *packet, struct guard_scratch *s,
                                           u32 used) {
  if (!make_plan(state, s, used, ALIBI_MARK_OPTIONS_BYTES_MAX, &s->plan))
    MARK_COUNT_MANY(no_room, packet->packets);
  else if (packet->gso_bytes)
    MARK_COUNT_MANY(segmented_later, packet->packets);
  else
    MARK_COUNT(over_mtu);
}

/* Where the options end that stay, or -1: there is nothing more to do. */
static __always_inline int end_of_options(struct __sk_buff *skb, const struct alibi_mark_state *state,
                                          struct guard_scratch *s) {
  u32 had = s->plan.had;
  mark_parse_options(had);
  if (s->mark.bytes) {
    if (!is_own_mark(state, s)) return mark_blank_foreign(skb);
    if (s->packet.is_forwarded && state->version == 2) mark_renew_tag(skb);
    return -1;
  }
  u32 used = s->mark.walk; /* where the list ends, or breaks off */
  if (used > had || (used < had && alibi_mark_byte(s->before, used) != 0)) {
    MARK_COUNT(failed);
    return -1;
  }
  return used;
}

__noinline int mark_guard_segment(struct __sk_buff *skb) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s) return 0;
  struct guarded *packet = &s->packet;
  if (!load_options(skb, packet, s->before, &s->plan.had)) return 0;
  barrier();
  struct segment_plan *plan = &s->plan;
  find_live(state, &s->live);
  if (!s->live.count) return 0;
  int end = end_of_options(skb, state, s);
  if (end < 0) return 0;
  u32 used = end;
  mark_find_sack(plan->had);
  u32 mtu = mtu_of_way(skb);
  u32 growth_max = packet->gso_bytes || mtu < packet->ip_bytes ? 0 : (mtu - packet->ip_bytes) & ~3U;
  u32 limit = plan->had + growth_max;
  if (limit > ALIBI_MARK_OPTIONS_BYTES_MAX) limit = ALIBI_MARK_OPTIONS_BYTES_MAX;
  if (!make_plan(state, s, used, limit, plan)) {
    count_unmarked(state, packet, s, used);
    return 0;
  }
  if (!mark_compose_segment()) return 0;
  u32 growth = plan->bytes - plan->had;
  if ((growth && !grow_segment(skb, packet, s, plan->had, growth)) ||
      !store_options(skb, packet, s, plan->bytes)) {
    MARK_COUNT(failed);
    return 0;
  }
  MARK_COUNT(by_guard);
  if (plan->is_sack_cut) MARK_COUNT(sack_trimmed);
  return 0;
}

#endif
