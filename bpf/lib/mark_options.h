/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The TCP options of a segment on its way out: what mark stands in them, and that
 * it says what this host says (docs/marking.md, section 7). */
#ifndef ALIBI_MARK_OPTIONS_H
#define ALIBI_MARK_OPTIONS_H

#include "lib/mark_guard.h"

enum { TCP_HEADER_BYTES = 20, TCP_SACK_KIND = 5, TCP_SACK_FIRST_BLOCK_BYTES = 10 };

/* The mark among the first `bytes` of s->before, to s->mark. */
__noinline int mark_parse_options(u32 bytes) {
  struct guard_scratch *s = guard_scratch();
  if (!s) return 0;
  alibi_mark_parse_tcp(s->before, bytes, &s->mark);
  return 0;
}

__noinline int mark_find_sack(u32 bytes) {
  struct guard_scratch *s = guard_scratch();
  if (!s) return 0;
  if (bytes > ALIBI_MARK_OPTIONS_BYTES_MAX) bytes = ALIBI_MARK_OPTIONS_BYTES_MAX;
  alibi_mark_clear(&s->sack);
  alibi_mark_find(s->before, 0, bytes, TCP_SACK_KIND, &s->sack);
  return 0;
}

static __always_inline bool load_options(struct __sk_buff *skb, struct guarded *packet, u8 *to,
                                         u32 *bytes) {
  u8 offset;
  if (bpf_skb_load_bytes(skb, packet->l4 + 12, &offset, 1)) return false;
  u32 header_bytes = (offset >> 4) * 4;
  __builtin_memset(to, 0, ALIBI_MARK_BUFFER_BYTES);
  if (header_bytes < TCP_HEADER_BYTES || header_bytes > packet->l4_bytes) return false;
  *bytes = header_bytes - TCP_HEADER_BYTES;
  if (!*bytes) return true;
  u64 n = BOUNDED(*bytes, ALIBI_MARK_OPTIONS_BYTES_MAX);
  return n && !bpf_skb_load_bytes(skb, packet->l4 + TCP_HEADER_BYTES, to, n);
}

/* Puts s->after in place of s->before; of equal length unless the segment was
 * made longer before. */
static __always_inline bool store_options(struct __sk_buff *skb, struct guarded *packet,
                                          struct guard_scratch *s, u32 bytes) {
  u64 n = BOUNDED(bytes, ALIBI_MARK_OPTIONS_BYTES_MAX);
  if (!n || bpf_skb_store_bytes(skb, packet->l4 + TCP_HEADER_BYTES, s->after, n, 0)) return false;
  __s64 difference = bpf_csum_diff((__be32 *)s->before, 40, (__be32 *)s->after, 40, 0);
  return !bpf_l4_csum_replace(skb, packet->l4 + 16, 0, difference, 0);
}

/* Whether s->mark says what this host says now, in the format it says it in. Else
 * it was made by a raw socket, by a guest, or before the last change. */
static __always_inline bool is_own_mark(const struct alibi_mark_state *state,
                                        const struct guard_scratch *s) {
  if (s->mark.form != state->version || s->mark.count > s->live.count) return false;
  if (state->version == 2 && s->mark.key != state->key_number) return false;
  for (u32 i = 0; i < ALIBI_MARK_DIAGNOSES_MAX; i++) {
    if (i >= s->mark.count) break;
    if (s->mark.diagnoses[i].time_s != s->live.all[i].time_s ||
        s->mark.diagnoses[i].category != s->live.all[i].category ||
        s->mark.diagnoses[i].code != s->live.all[i].code)
      return false;
  }
  return true;
}

/* Timestamps, an own mark, NOPs: what sockets send nearly always, told from the rest
 * without reading option by option. Loads s->before, s->plan.had and s->live. */
static __always_inline bool is_as_usual(struct __sk_buff *skb, const struct alibi_mark_state *state,
                                        struct guard_scratch *s) {
  enum { TIMESTAMPS_KIND = 8, AT = 12 }; /* behind NOP, NOP, timestamps (RFC 7323) */
  if (!load_options(skb, &s->packet, s->before, &s->plan.had)) return false;
  find_live(state, &s->live);
  const u8 *o = s->before;
  u32 is_v2 = state->version == 2;
  u32 count = is_v2 ? o[AT + 5] : o[AT + 2];
  u32 head = is_v2 ? ALIBI_MARK_V2_HEAD_BYTES : ALIBI_MARK_V1_HEAD_BYTES;
  u32 bytes = head + count * ALIBI_MARK_DIAGNOSIS_BYTES + (is_v2 ? ALIBI_MARK_TAG_BYTES : 0);
  if (o[0] != 1 || o[1] != 1 || o[2] != TIMESTAMPS_KIND || o[3] != 10) return false;
  if (o[AT] != ALIBI_MARK_TCP_KIND || o[AT + 1] != bytes) return false;
  if (!count || count > s->live.count || s->plan.had != ((AT + bytes + 3) & ~3U)) return false;
  if (is_v2 && (!alibi_mark_has_exid(o, AT) || o[AT + 4] != (2 << 4 | (state->key_number & 15))))
    return false;
  for (u32 i = 0; i < ALIBI_MARK_DIAGNOSES_MAX; i++) {
    if (i >= count) break;
    u64 at = AT + head + i * ALIBI_MARK_DIAGNOSIS_BYTES;
    if (alibi_mark_load32(o, at) != s->live.all[i].time_s ||
        alibi_mark_byte(o, at + 4) != s->live.all[i].category ||
        alibi_mark_byte(o, at + 5) != s->live.all[i].code)
      return false;
  }
  for (u32 i = 0; i < 3; i++) /* no second one in the padding */
    if (AT + bytes + i < s->plan.had && alibi_mark_byte(o, AT + bytes + i) != 1) return false;
  return true;
}

/* What containers sent under addresses of their own has tags of these. Only of an
 * own mark: the host signs nobody else's. */
__noinline int mark_renew_tag(struct __sk_buff *skb) {
  struct alibi_mark_state *state = mark_state();
  struct guard_scratch *s = guard_scratch();
  if (!state || !s) return 0;
  struct guarded *packet = &s->packet;
  u32 had = s->plan.had;
  u64 at = s->mark.at;
  u32 count = s->mark.count;
  for (u32 i = 0; i < ALIBI_MARK_OPTIONS_BYTES_MAX; i++)
    s->option[i] = alibi_mark_byte(s->before, at + i);
  u32 tag = tag_of(state, packet->source, s->option, count);
  if (tag == s->mark.tag) return 0;
  u8 bytes[4];
  alibi_mark_store32(bytes, tag);
  __builtin_memcpy(s->after, s->before, sizeof(s->after));
  for (u32 i = 0; i < 4; i++) {
    u64 k = at + s->mark.bytes - 4 + i;
    ALIBI_MARK_MASK(k);
    s->after[k] = bytes[i];
  }
  if (store_options(skb, packet, s, had))
    MARK_COUNT(tags_renewed);
  else
    MARK_COUNT(failed);
  return 0;
}

/* Every option of kind 253 becomes NOPs, in the segment and in s->before. Returns
 * where the last other option ends: what comes behind is room. */
__noinline int mark_blank_foreign(struct __sk_buff *skb) {
  struct guard_scratch *s = guard_scratch();
  if (!s) return 0;
  u32 had = s->plan.had;
  volatile struct foreign_walk *walk = &s->walk; /* in memory: see struct guard_scratch */
  walk->left = walk->is_foreign = walk->end = 0;
  __builtin_memcpy(s->after, s->before, sizeof(s->after));
  for (u32 i = 0; i < ALIBI_MARK_OPTIONS_BYTES_MAX; i++) {
    if (i >= had) break;
    if (!walk->left) {
      u8 kind = s->before[i];
      if (kind == 0) break;
      if (kind == 1) continue;
      u32 length = i + 1 < had ? s->before[i + 1] : 0;
      if (length < 2 || i + length > had) length = had - i; /* broken: to the end */
      walk->left = length;
      walk->is_foreign = kind == ALIBI_MARK_TCP_KIND;
      if (!walk->is_foreign) walk->end = i + length;
    }
    walk->left--;
    if (walk->is_foreign) s->after[i] = 1;
  }
  if (!store_options(skb, &s->packet, s, had)) {
    MARK_COUNT(failed);
    return -1;
  }
  MARK_COUNT(foreign_marks);
  __builtin_memcpy(s->before, s->after, sizeof(s->before));
  return walk->end;
}

#endif
