/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state of a mark: good, unverified, forged, stale or malformed. */
#ifndef ALIBI_GATE_VERIFY_H
#define ALIBI_GATE_VERIFY_H

#include "lib/gate_maps.h"
#include "lib/siphash.h"

enum {
  STALE_WINDOWS = 57,             /* of 64 s: an hour */
  SEARCHES_PER_SECOND = 4096,     /* of each CPU: forgers must not have all its time */
  NS_PER_SECOND = 1000000000,
};

static __noinline u32 tag_in_window(struct gate_work *w, const struct alibi_gate_key *key, u32 window) {
  alibi_mark_tag_input(&w->tagged, w->key.source, w->buffer, w->mark.at, w->mark.count, window);
  return (u32)siphash(key->bytes, w->tagged.message, w->tagged.bytes);
}

struct stale_search {
  struct gate_work *work;
  u32 window; /* the first that is too old */
  u32 is_found;
};

static long try_window(u32 i, struct stale_search *s) {
  u32 number = s->work->mark.key & 15;
  struct alibi_gate_key *key = bpf_map_lookup_elem(&gate_keys, &number);
  if (!key) return 1;
  s->is_found = tag_in_window(s->work, key, s->window - i) == s->work->mark.tag;
  return s->is_found;
}

static __always_inline bool may_search(struct gate_work *w) {
  u64 second = w->now_ns / NS_PER_SECOND;
  if (w->budget.second != second) {
    w->budget.second = second;
    w->budget.used = 0;
  }
  return w->budget.used++ < SEARCHES_PER_SECOND;
}

static __noinline u32 state_of_tag(struct gate_work *w, u32 unix_s,
                                   struct alibi_gate_counters *counters) {
  u32 number = w->mark.key & 15;
  struct alibi_gate_key *key = bpf_map_lookup_elem(&gate_keys, &number);
  if (!key || !key->is_set) return ALIBI_GATE_UNVERIFIED;
  u32 window = unix_s / ALIBI_MARK_WINDOW_SECONDS;
  u32 tag = w->mark.tag;
  if (tag_in_window(w, key, window) == tag || tag_in_window(w, key, window - 1) == tag ||
      tag_in_window(w, key, window + 1) == tag)
    return ALIBI_GATE_GOOD;
  if (!may_search(w)) {
    counters->searches_refused++;
    return ALIBI_GATE_FORGED;
  }
  struct stale_search s = {.work = w, .window = window - 2};
  bpf_loop(STALE_WINDOWS - 1, try_window, &s, 0);
  return s.is_found ? ALIBI_GATE_STALE : ALIBI_GATE_FORGED;
}

/* w->mark becomes w->seen. */
static __noinline int verify_mark(struct gate_work *w, const struct alibi_gate_control *control,
                                  struct alibi_gate_counters *counters) {
  w->seen.count = w->mark.count;
  __builtin_memcpy(w->seen.diagnoses, w->mark.diagnoses, sizeof(w->seen.diagnoses));
  switch (w->mark.form) {
    case ALIBI_MARK_ABSENT:
      w->seen.count = 0;
      w->seen.state = ALIBI_GATE_UNMARKED;
      break;
    case ALIBI_MARK_V1:
      w->seen.state = ALIBI_GATE_UNVERIFIED;
      break;
    case ALIBI_MARK_V2:
      w->seen.state = state_of_tag(
          w, (u32)((u64)((s64)w->now_ns + control->wall_offset_ns) / NS_PER_SECOND), counters);
      break;
    default:
      w->seen.count = 0;
      w->seen.state = ALIBI_GATE_MALFORMED;
  }
  return 0;
}

#endif
