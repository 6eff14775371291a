/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the gate's program (bpf/gate.bpf.c) and its daemon (src/gate) share:
 * the policy as tables, the flows that were seen, and the counters.
 *
 * Integers are in host byte order; addresses and ports are bytes in network
 * order, IPv4 mapped into IPv6. The policy stands twice, in two slots; the
 * daemon fills the one that is not in use and then switches over.
 */
#ifndef ALIBI_GATE_H
#define ALIBI_GATE_H

#include "wire/alibi_mark.h"
#include "wire/alibi_wire.h"

enum alibi_gate_limits {
  ALIBI_GATE_SLOTS = 2,
  ALIBI_GATE_RULES_MAX = 256, /* the default counts as one */
  ALIBI_GATE_ZONES_MAX = 64,
  ALIBI_GATE_ADDRESSES_MAX = 4096,
  ALIBI_GATE_DEVICES_MAX = 256,
  ALIBI_GATE_FLOWS_MAX = 65536,
  ALIBI_GATE_HOSTS_MAX = 16384,
  ALIBI_GATE_KEYS = 16,
  ALIBI_GATE_RING_BYTES = 1048576,
};

/* In the order of severity: of several the greatest counts. */
enum alibi_gate_action {
  ALIBI_GATE_ALLOW = 0,
  ALIBI_GATE_STRIP = 1,
  ALIBI_GATE_BLANK = 2,
  ALIBI_GATE_DROP = 3,
  ALIBI_GATE_ACTIONS = 4,
};

enum alibi_gate_state {
  ALIBI_GATE_UNMARKED = 0, /* and remembered */
  ALIBI_GATE_GOOD = 1,
  ALIBI_GATE_UNVERIFIED = 2,
  ALIBI_GATE_FORGED = 3,
  ALIBI_GATE_STALE = 4,
  ALIBI_GATE_MALFORMED = 5,
  ALIBI_GATE_STATES = 6,
};

/* What the policy does with a mark in a state. */
enum alibi_gate_belief {
  ALIBI_GATE_BELIEVE = 0,
  ALIBI_GATE_IGNORE = 1,
  ALIBI_GATE_REFUSE = 2, /* drop the packet */
};

enum alibi_gate_any {
  ALIBI_GATE_ANY_ZONE = 255,
  ALIBI_GATE_ANY_NUMBER = 256, /* category, code */
};

enum alibi_gate_zone_flag {
  ALIBI_GATE_ZONE_TRUSTED = 1,
};

struct alibi_gate_rule {
  __u8 from; /* zone, or ALIBI_GATE_ANY_ZONE */
  __u8 to;
  __u8 action;
  __u8 is_export;
  __u16 category; /* or ALIBI_GATE_ANY_NUMBER */
  __u16 code;
  __u32 mirror; /* index of the device; 0: none */
};
ALIBI_WIRE_TYPE(struct alibi_gate_rule, 12);

struct alibi_gate_policy {
  __u64 sticky_ns;
  __u32 rules;     /* without the default, which stands behind them */
  __u8 rest_zone;  /* what no other zone has */
  __u8 belief[6];  /* of each alibi_gate_state */
  __u8 reserved_1[5];
  __u8 zone_flags[64];
};
ALIBI_WIRE_TYPE(struct alibi_gate_policy, 88);

/* What the program reads of the daemon besides the policy. */
struct alibi_gate_control {
  __s64 wall_offset_ns; /* wall clock = CLOCK_BOOTTIME + this */
  __u32 slot;           /* of the policy in force */
  __u32 reserved_1;
};
ALIBI_WIRE_TYPE(struct alibi_gate_control, 16);

struct alibi_gate_key {
  __u8 bytes[16];
  __u32 is_set;
  __u32 reserved_1;
};
ALIBI_WIRE_TYPE(struct alibi_gate_key, 24);

/* Of an LPM trie: prefix_bits counts from `slot` on. */
struct alibi_gate_prefix {
  __u32 prefix_bits;
  __u32 slot;
  __u8 address[16];
};
ALIBI_WIRE_TYPE(struct alibi_gate_prefix, 24);

struct alibi_gate_device {
  __u32 slot;
  __u32 index;
};
ALIBI_WIRE_TYPE(struct alibi_gate_device, 8);

/* A host, as seen from its zone: who forges the address elsewhere is another. */
struct alibi_gate_host {
  __u8 address[16];
  __u32 zone;
};
ALIBI_WIRE_TYPE(struct alibi_gate_host, 20);

/* The content of a mark. */
struct alibi_gate_mark {
  __u32 count;
  __u32 state; /* alibi_gate_state */
  struct alibi_diagnosis diagnoses[6];
};
ALIBI_WIRE_TYPE(struct alibi_gate_mark, 56);

/* A host that is remembered. */
struct alibi_gate_sticky {
  __u64 until_boot_ns;
  struct alibi_gate_mark mark;
};
ALIBI_WIRE_TYPE(struct alibi_gate_sticky, 64);

struct alibi_gate_flow_key {
  __u8 source[16];
  __u8 destination[16];
  __u8 ports[4]; /* zero where the protocol has none */
  __u32 protocol;
};
ALIBI_WIRE_TYPE(struct alibi_gate_flow_key, 40);

struct alibi_gate_flow {
  __u64 first_boot_ns;
  __u64 last_boot_ns;
  __u64 packets; /* GSO packets count as one */
  __u64 bytes;   /* from the IP header on */
  struct alibi_gate_mark mark; /* of the last packet */
  __u32 slot;
  __u16 rule; /* ALIBI_GATE_RULES_MAX: none, the state decided */
  __u8 action;
  __u8 from;
  __u8 to;
  __u8 reserved_1[7];
};
ALIBI_WIRE_TYPE(struct alibi_gate_flow, 104);

/* The first packet of a flow, in the ring. */
struct alibi_gate_event {
  struct alibi_gate_flow_key key;
  struct alibi_gate_flow flow;
};
ALIBI_WIRE_TYPE(struct alibi_gate_event, 144);

/* Since the programs were loaded; one element per CPU. */
struct alibi_gate_counters {
  __u64 packets;          /* IP packets looked at */
  __u64 states[6];        /* marks, by state; [0]: packets treated by what is remembered */
  __u64 actions[4];       /* of marked and remembered packets */
  __u64 exports_stripped; /* marks taken off because they would leave a trusted zone */
  __u64 unaltered;        /* dropped because the kernel refused the change */
  __u64 fragments_dropped; /* dropped instead of blanked */
  __u64 mirrored;
  __u64 mirror_failed;
  __u64 ring_full;  /* told a second later instead */
  __u64 flows_full; /* packets of flows that no record will tell */
  __u64 searches_refused; /* wrong tags not looked up among older windows: counted as forged */
};
ALIBI_WIRE_TYPE(struct alibi_gate_counters, 152);

struct alibi_gate_hits {
  __u64 packets;
  __u64 bytes;
};
ALIBI_WIRE_TYPE(struct alibi_gate_hits, 16);

#endif
