/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The only code that touches the rings: number, submit, or count the loss.
 *
 * A number is taken before the attempt, so a lost record leaves a hole. The
 * addition is atomic: an interrupt (softirq), and on kernels whose tracepoints
 * are preemptible (7.x) another task, may run a program in the middle of ours
 * on the same CPU. */
#ifndef ALIBI_EMIT_H
#define ALIBI_EMIT_H

#include "lib/maps.h"

/* 5.10 has no atomic fetch-and-add in BPF (5.12 has); there a nested program
 * can take the same number, which the reader reports as a repeat. */
#ifdef ALIBI_LEGACY
#define TAKE_NUMBER(counter) ((counter)++)
#else
#define TAKE_NUMBER(counter) __sync_fetch_and_add(&(counter), 1)
#endif

static __always_inline u64 wake_flags(void *ring) {
  struct alibi_config *c = config();
  if (!c || !c->wake_bytes) return 0;
  return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > c->wake_bytes ? BPF_RB_FORCE_WAKEUP
                                                                    : BPF_RB_NO_WAKEUP;
}

static __always_inline bool number_record_at(struct alibi_header *h, u32 ring, u16 kind, u64 size, u64 now) {
  struct alibi_counters *c = counters();
  if (!c) return false;
  h->seq = TAKE_NUMBER(c->attempts[ring]);
  h->boot_ns = now;
  h->size = size;
  h->kind = kind;
  h->cpu = bpf_get_smp_processor_id();
  return true;
}

static __always_inline bool number_record(struct alibi_header *h, u32 ring, u16 kind, u64 size) {
  return number_record_at(h, ring, kind, size, bpf_ktime_get_boot_ns());
}

static __always_inline void count_loss(u32 ring, u16 kind) {
  struct alibi_counters *c = counters();
  if (c) __sync_fetch_and_add(&c->lost[ring][kind], 1);
}

/* One that found no room and was not numbered yet: its number is taken too. */
static __always_inline void lose_record(u32 ring, u16 kind) {
  struct alibi_counters *c = counters();
  if (c) TAKE_NUMBER(c->attempts[ring]);
  count_loss(ring, kind);
}

static __always_inline void emit_process(void *record, u16 kind, u64 size) {
  if (!number_record(record, ALIBI_RING_PROCESS, kind, size)) return;
  if (bpf_ringbuf_output(&al_ring_process, record, size, wake_flags(&al_ring_process)))
    count_loss(ALIBI_RING_PROCESS, kind);
}

static __always_inline void emit_network(void *record, u16 kind, u32 size) {
  if (!number_record(record, ALIBI_RING_NETWORK, kind, size)) return;
  if (bpf_ringbuf_output(&al_ring_network, record, size, wake_flags(&al_ring_network)))
    count_loss(ALIBI_RING_NETWORK, kind);
}

#endif
