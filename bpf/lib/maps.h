/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps that all objects share. The recorder creates them once and hands the
 * same ones to every object (bpf_map__reuse_fd); sizes here are defaults. */
#ifndef ALIBI_MAPS_H
#define ALIBI_MAPS_H

#include "lib/kernel.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} al_ring_process SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} al_ring_network SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 16 << 20);
} al_ring_packet SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_counters);
} al_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_config);
} al_config SEC(".maps");

static __always_inline struct alibi_counters *counters(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&al_counters, &zero);
}

static __always_inline struct alibi_config *config(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&al_config, &zero);
}

#endif
