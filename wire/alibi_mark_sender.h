/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `alibi mark` tells the programs that mark packets (bpf/mark.bpf.c), and
 * what they count. Host byte order. The state is one element of a hash map, so
 * that an update replaces it at once and no program sees half of one. */
#ifndef ALIBI_MARK_SENDER_H
#define ALIBI_MARK_SENDER_H

#include "wire/alibi_mark.h"

enum alibi_mark_sender_limits {
  ALIBI_MARK_SENDER_WIRE_VERSION = 3, /* changed with any layout: pinned maps of another one are refused */
};

struct alibi_mark_entry {
  struct alibi_diagnosis diagnosis;
  __u64 end_boot_ns; /* CLOCK_BOOTTIME; from then on it is not sent. 0: no end */
};
ALIBI_WIRE_TYPE(struct alibi_mark_entry, 16);

struct alibi_mark_state {
  struct alibi_mark_entry entries[ALIBI_MARK_DIAGNOSES_MAX]; /* the most recent first */
  __s64 wall_offset_ns; /* CLOCK_REALTIME less CLOCK_BOOTTIME; for kernels before 6.1 */
  __s64 tai_offset_ns;  /* CLOCK_TAI less CLOCK_REALTIME */
  __u32 wire_version;
  __u32 is_on;
  __u32 count;    /* of entries */
  __u32 has_ends; /* one of them has an end */
  __u32 version;  /* of the format, 1 or 2 */
  __u32 key_number;
  __u8 key[ALIBI_MARK_KEY_BYTES];
};
ALIBI_WIRE_TYPE(struct alibi_mark_state, 96 + 16 + 24 + 16);

/* A device whose packets are guarded: what comes in there is another host's. */
struct alibi_mark_device {
  __u32 net_ns; /* inode */
  __u32 index;
};
ALIBI_WIRE_TYPE(struct alibi_mark_device, 8);

/* Packets, per CPU. */
struct alibi_mark_counters {
  __u64 by_socket;       /* marked as the socket made them */
  __u64 by_guard;        /* marked on the way out */
  __u64 sack_trimmed;    /* of these: SACK blocks gave way */
  __u64 datagrams;       /* UDP, marked */
  __u64 tags_renewed;    /* version 2, after address translation on this host */
  __u64 foreign_marks;   /* segments whose mark was not what this host says: taken off */
  __u64 socket_no_room;  /* left to the guard */
  /* Left the host without a mark: */
  __u64 no_room;         /* the header was full */
  __u64 over_mtu;
  __u64 segmented_later; /* GSO, not made by a marked socket */
  __u64 fragments;
  __u64 no_checksum;     /* UDP checksum 0 */
  __u64 surplus_used;    /* UDP, by somebody else's options */
  __u64 other_protocols; /* IP, but neither TCP nor UDP */
  __u64 failed;          /* the kernel refused */
  __u64 existing_marked; /* sockets older than marking that were switched on */
  __u64 existing_failed;
};
ALIBI_WIRE_TYPE(struct alibi_mark_counters, 17 * 8);

#endif
