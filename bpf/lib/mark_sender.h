/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* State of the sender of marks, and the option it makes of it. */
#ifndef ALIBI_MARK_SENDER_LIB_H
#define ALIBI_MARK_SENDER_LIB_H

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/siphash.h"
#include "lib/wall_window.h"
#include "wire/alibi_mark_sender.h"
#include "wire/alibi_mark_write.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_mark_state);
} al_mk_state SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_mark_counters);
} al_mk_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct alibi_mark_device);
  __type(value, u32);
} al_mk_devices SEC(".maps");

/* n, or 0 unless it is 1 to `max`. The verifier needs both bounds in the register
 * that a helper gets: one comparison of n - 1, which is large if n is 0. */
#define BOUNDED(n, max) ({ u64 n_ = (n); n_--; barrier_var(n_); n_ < (max) ? n_ + 1 : 0; })

#define MARK_COUNT_MANY(what, n)                                                           \
  do {                                                                                     \
    u32 zero_ = 0;                                                                         \
    struct alibi_mark_counters *counters_ = bpf_map_lookup_elem(&al_mk_counters, &zero_); \
    if (counters_) counters_->what += (n);                                                 \
  } while (0)
#define MARK_COUNT(what) MARK_COUNT_MANY(what, 1)

/* Null: marking is off. */
static __always_inline struct alibi_mark_state *mark_state(void) {
  u32 zero = 0;
  struct alibi_mark_state *state = bpf_map_lookup_elem(&al_mk_state, &zero);
  return state && state->is_on && state->count ? state : 0;
}

/* The diagnoses that have not ended, most recent first. */
struct live_diagnoses {
  struct alibi_diagnosis all[ALIBI_MARK_DIAGNOSES_MAX];
  u32 count;
};

static __always_inline void find_live(const struct alibi_mark_state *state,
                                      struct live_diagnoses *live) {
  u64 now = state->has_ends ? bpf_ktime_get_boot_ns() : 0;
  u32 n = 0;
  __builtin_memset(live, 0, sizeof(*live));
  for (u32 i = 0; i < ALIBI_MARK_DIAGNOSES_MAX; i++) {
    const struct alibi_mark_entry *entry = &state->entries[i];
    if (i >= state->count) break;
    if (entry->end_boot_ns && entry->end_boot_ns <= now) continue;
    if (n >= ALIBI_MARK_DIAGNOSES_MAX) break;
    live->all[n] = entry->diagnosis;
    n++;
  }
  live->count = n;
}

/* How many diagnoses go into `room` bytes. */
static __always_inline u32 count_that_fits(const struct alibi_mark_state *state,
                                           const struct live_diagnoses *live, u32 v1_head,
                                           u32 room) {
  u32 most = live->count;
  u32 head = state->version == 2 ? ALIBI_MARK_V2_HEAD_BYTES + ALIBI_MARK_TAG_BYTES : v1_head;
  if (state->version == 2 && most > ALIBI_MARK_DIAGNOSES_MAX_V2) most = ALIBI_MARK_DIAGNOSES_MAX_V2;
  if (room < head) return 0;
  u32 fits = (room - head) / ALIBI_MARK_DIAGNOSIS_BYTES;
  return fits < most ? fits : most;
}

/* The option of `kind` with `count` diagnoses; without its tag. */
static __always_inline u32 write_mark(const struct alibi_mark_state *state, u8 kind,
                                      const struct live_diagnoses *live, u32 count, u8 *option) {
  if (state->version == 2)
    return alibi_mark_write_v2(option, kind, state->key_number, live->all, count);
  if (kind == ALIBI_MARK_UDP_KIND) return alibi_mark_write_udp_v1(option, live->all, count);
  return alibi_mark_write_v1(option, live->all, count);
}

/* The tag of the option at the beginning of `option`. */
static __always_inline u32 tag_of(const struct alibi_mark_state *state, const u8 *source,
                                  const u8 *option, u32 count) {
  struct alibi_mark_tagged tagged;
  u32 window = wall_window(state->wall_offset_ns, state->tai_offset_ns);
  alibi_mark_tag_input(&tagged, source, option, 0, count, window);
  return (u32)siphash(state->key, tagged.message, tagged.bytes);
}

#endif
