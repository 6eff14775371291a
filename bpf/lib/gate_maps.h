/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of the gate (wire/alibi_gate.h), and its room to work in. */
#ifndef ALIBI_GATE_MAPS_H
#define ALIBI_GATE_MAPS_H

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#include "wire/alibi_gate.h"
#include "wire/alibi_mark_write.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_gate_control);
} gate_control SEC(".maps");

/* CLOCK_BOOTTIME from which on nobody is remembered any more; 0: nobody ever was. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, u64);
} gate_sticky_end SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ALIBI_GATE_SLOTS);
  __type(key, u32);
  __type(value, struct alibi_gate_policy);
} gate_policy SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ALIBI_GATE_SLOTS * ALIBI_GATE_RULES_MAX);
  __type(key, u32);
  __type(value, struct alibi_gate_rule);
} gate_rules SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, ALIBI_GATE_SLOTS * ALIBI_GATE_RULES_MAX);
  __type(key, u32);
  __type(value, struct alibi_gate_hits);
} gate_hits SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, ALIBI_GATE_SLOTS * ALIBI_GATE_ADDRESSES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct alibi_gate_prefix);
  __type(value, u32);
} gate_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ALIBI_GATE_SLOTS * ALIBI_GATE_DEVICES_MAX);
  __type(key, struct alibi_gate_device);
  __type(value, u32);
} gate_devices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ALIBI_GATE_KEYS);
  __type(key, u32);
  __type(value, struct alibi_gate_key);
} gate_keys SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, ALIBI_GATE_HOSTS_MAX);
  __type(key, struct alibi_gate_host);
  __type(value, struct alibi_gate_sticky);
} gate_hosts SEC(".maps");

/* Not LRU: what is forgotten would go untold. The daemon removes idle flows. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ALIBI_GATE_FLOWS_MAX);
  __type(key, struct alibi_gate_flow_key);
  __type(value, struct alibi_gate_flow);
} gate_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, ALIBI_GATE_RING_BYTES);
} gate_ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_gate_counters);
} gate_counters SEC(".maps");

/* Searches for a stale tag in the second `second`. */
struct gate_budget {
  u64 second;
  u64 used;
};

struct gate_work {
  struct alibi_gate_flow_key key;
  struct alibi_mark mark;      /* in the packet */
  struct alibi_gate_mark seen; /* what counts: of the packet, or remembered */
  u64 now_ns;
  u32 l3_at, l4_at, l3_bytes;            /* offsets from the packet's first byte */
  u32 payload_at, payload_bytes;         /* of TCP and UDP */
  u32 ip_bytes;                          /* from the IP header to the end of the IP packet */
  u32 buffer_at, buffer_bytes;           /* what `buffer` holds: TCP options or the surplus area */
  u32 slot, from, to, action, rule, mirror;
  u8 is_v6, is_odd, is_export, is_strip, can_blank, icmp_type;
  u8 reserved[2];
  struct gate_budget budget;
  struct alibi_gate_event event;
  struct alibi_mark_tagged tagged;
  u8 buffer[ALIBI_MARK_BUFFER_BYTES];
  u8 altered[ALIBI_MARK_BUFFER_BYTES];
  u8 chunk[512];
  u8 zeros[512];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct gate_work);
} gate_scratch SEC(".maps");

static __always_inline struct alibi_gate_control *gate_control_get(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&gate_control, &zero);
}

#endif
