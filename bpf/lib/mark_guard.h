/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What both halves of the guard need: which packets are this host's own, where
 * their headers lie, how long they may become. tc egress, where softirqs are
 * off, so that per-CPU scratch space is ours until we return. */
#ifndef ALIBI_MARK_GUARD_H
#define ALIBI_MARK_GUARD_H

#include "lib/mark_sender.h"

enum { TC_NEXT = -1, GUARD_PAYLOAD_BYTES_MAX = 2048 };

struct guarded {
  u8 source[16]; /* IPv4 mapped */
  u32 l3; /* offsets from the beginning of the frame */
  u32 l4;
  u32 ip_bytes; /* of the IP packet */
  u32 l4_bytes; /* of it, behind all IP headers */
  u32 gso_bytes;
  u32 packets; /* that the device makes of it */
  u8 is_v6;
  u8 protocol;
  u8 is_forwarded; /* from inside: a container, a virtual machine */
};

struct segment_plan {
  u32 had;   /* bytes of options before, 0 to 40 */
  u32 keep;  /* of these, how many stay */
  u32 count; /* diagnoses */
  u32 mark_bytes;
  u32 bytes; /* of options after, a multiple of four */
  u32 is_sack_cut;
  u32 is_first_block_kept;
};

struct foreign_walk {
  u32 left; /* bytes of the option it is in */
  u32 is_foreign;
  u32 end; /* of the last option that stays */
};

/* Besides being too large for the stack: what is read back from a map is unknown
 * to the verifier, which then does not follow every combination on its own. For
 * the same reason the steps are functions of their own (__noinline, not static:
 * verified once, apart) that find their state here. */
struct guard_scratch {
  struct guarded packet;
  u8 before[ALIBI_MARK_BUFFER_BYTES]; /* options as they are */
  u8 after[ALIBI_MARK_BUFFER_BYTES];  /* and as they become */
  u8 option[ALIBI_MARK_BUFFER_BYTES];
  u8 trailer[ALIBI_MARK_BUFFER_BYTES];
  struct alibi_mark mark; /* where the walk over options keeps its state */
  struct alibi_mark sack;
  struct live_diagnoses live;
  struct segment_plan plan;
  struct foreign_walk walk;
  u8 payload[GUARD_PAYLOAD_BYTES_MAX];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct guard_scratch);
} al_mk_scratch SEC(".maps");

/* The context of a tc program is the packet's own structure. */
static __always_inline struct sk_buff *kernel_skb(struct __sk_buff *skb) {
  return (struct sk_buff *)(void *)skb;
}

/* False: it came in through a guarded device, so another host sent it. */
static __always_inline bool is_of_this_host(struct __sk_buff *skb, struct guarded *packet) {
  struct alibi_mark_device from = {.index = skb->ingress_ifindex};
  if (!from.index) return true;
  from.net_ns = BPF_CORE_READ(kernel_skb(skb), dev, nd_net.net, ns.inum);
  packet->is_forwarded = 1;
  return !bpf_map_lookup_elem(&al_mk_devices, &from);
}

static __always_inline bool has_room_for_marks(const struct guarded *packet) {
  if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) return true;
  enum { FRAGMENT_HEADER = 44 }; /* counted as what it is */
  if (!packet->is_v6 || packet->protocol != FRAGMENT_HEADER) MARK_COUNT(other_protocols);
  return false;
}

static __always_inline bool look_at_ipv4(struct __sk_buff *skb, struct guarded *packet) {
  u8 h[20];
  if (bpf_skb_load_bytes(skb, packet->l3, h, sizeof(h)) || (h[0] >> 4) != 4) return false;
  u32 header_bytes = (h[0] & 15) * 4;
  packet->protocol = h[9];
  packet->ip_bytes = h[2] << 8 | h[3];
  if (header_bytes < 20 || packet->ip_bytes < header_bytes) return false;
  if (!has_room_for_marks(packet)) return false;
  if ((h[6] & 0x3f) || h[7]) {
    MARK_COUNT(fragments);
    return false;
  }
  packet->l4 = packet->l3 + header_bytes;
  packet->l4_bytes = packet->ip_bytes - header_bytes;
  packet->source[10] = packet->source[11] = 0xff;
  __builtin_memcpy(packet->source + 12, h + 12, 4);
  return true;
}

static __always_inline bool look_at_ipv6(struct __sk_buff *skb, struct guarded *packet) {
  enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60, HEADERS_MAX = 6 };
  u8 h[40];
  if (bpf_skb_load_bytes(skb, packet->l3, h, sizeof(h)) || (h[0] >> 4) != 6) return false;
  u32 at = 40;
  packet->is_v6 = 1;
  packet->protocol = h[6];
  packet->ip_bytes = (h[4] << 8 | h[5]) + 40;
  __builtin_memcpy(packet->source, h + 8, 16);
  for (int i = 0; i < HEADERS_MAX; i++) {
    u8 next[2];
    if (packet->protocol == FRAGMENT) MARK_COUNT(fragments);
    if (packet->protocol != HOP_BY_HOP && packet->protocol != ROUTING &&
        packet->protocol != DESTINATION)
      break;
    if (bpf_skb_load_bytes(skb, packet->l3 + at, next, sizeof(next))) return false;
    packet->protocol = next[0];
    at += (next[1] + 1) * 8;
  }
  if (!has_room_for_marks(packet)) return false;
  if (packet->ip_bytes < at) return false;
  packet->l4 = packet->l3 + at;
  packet->l4_bytes = packet->ip_bytes - at;
  return true;
}

/* False: not ours to mark, or it cannot bear a mark. */
static __always_inline bool look_at_packet(struct __sk_buff *skb, struct guarded *packet) {
  u32 gso = skb->gso_size;
  barrier_var(gso);
  u32 packets = skb->gso_segs;
  barrier_var(packets);
  u32 protocol = skb->protocol;
  barrier_var(protocol);
  __builtin_memset(packet, 0, sizeof(*packet));
  packet->gso_bytes = gso;
  packet->packets = packets ? packets : 1; /* not known of what a packet socket made */
  if (!is_of_this_host(skb, packet)) return false;
  struct sk_buff *kernel = kernel_skb(skb);
  u64 head = (u64)BPF_CORE_READ(kernel, head);
  packet->l3 = head + BPF_CORE_READ(kernel, network_header) - (u64)BPF_CORE_READ(kernel, data);
  if (packet->l3 > 256) return false;
  if (protocol == bpf_htons(0x0800)) return look_at_ipv4(skb, packet);
  if (protocol == bpf_htons(0x86dd)) return look_at_ipv6(skb, packet);
  return false;
}

/* Of the device, of the route, or as learned on the way: the least. */
static __always_inline u32 mtu_of_way(struct __sk_buff *skb) {
  enum { SKB_DST_NOREF = 1, METRICS_FLAGS = 3, RTAX_MTU_INDEX = 1 };
  u32 mtu = 0;
  if (bpf_check_mtu(skb, 0, &mtu, 0, 0) < 0) return 0;
  struct dst_entry *way = (void *)(BPF_CORE_READ(kernel_skb(skb), _skb_refdst) & ~1UL);
  if (!way) return mtu;
  u32 *metrics = (void *)(BPF_CORE_READ(way, _metrics) & ~3UL);
  u32 of_route = 0;
  if (metrics) bpf_probe_read_kernel(&of_route, sizeof(of_route), metrics + RTAX_MTU_INDEX);
  if (of_route && of_route < mtu) mtu = of_route;
  if (BPF_CORE_READ(way, ops, family) == AF_INET) {
    u32 learned = BPF_CORE_READ_BITFIELD_PROBED((struct rtable *)way, rt_pmtu);
    if (learned && learned < mtu) mtu = learned;
  }
  return mtu;
}

static __always_inline struct guard_scratch *guard_scratch(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&al_mk_scratch, &zero);
}

/* The length of the IP packet, and with it the checksum of IPv4. */
static __always_inline bool set_ip_bytes(struct __sk_buff *skb, struct guarded *packet, u32 bytes) {
  if (packet->is_v6) {
    u16 payload = bpf_htons(bytes - 40);
    return !bpf_skb_store_bytes(skb, packet->l3 + 4, &payload, 2, 0);
  }
  u16 old = bpf_htons(packet->ip_bytes);
  u16 new = bpf_htons(bytes);
  return !bpf_l3_csum_replace(skb, packet->l3 + 10, old, new, 2) &&
         !bpf_skb_store_bytes(skb, packet->l3 + 2, &new, 2, 0);
}

#endif
