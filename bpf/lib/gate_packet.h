/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IP packets as the gate needs them: where the mark and the payload are. Every
 * length is bounded by the packet; what is not understood has no mark. */
#ifndef ALIBI_GATE_PACKET_H
#define ALIBI_GATE_PACKET_H

#include <bpf/bpf_endian.h>

#include "lib/gate_maps.h"

enum {
  NEXT_HOP_BY_HOP = 0,
  NEXT_ROUTING = 43,
  NEXT_FRAGMENT = 44,
  NEXT_AUTHENTICATION = 51,
  NEXT_ICMPV6 = 58,
  NEXT_DESTINATION = 60,
  VLAN_8021Q = 0x8100,
  VLAN_8021AD = 0x88a8,
  VLAN_TAG_BYTES = 4,
  EXTENSION_HEADERS_MAX = 6,
  TCP_BYTES_MIN = 20,
  UDP_BYTES = 8,
  LEAST_OPTION_BYTES = 4, /* NOP, NOP, kind, length */
};

enum gate_part { WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT };

struct gate_headers {
  u32 end;      /* of the IP packet, from the packet's first byte */
  u32 at;       /* of what follows the IP headers */
  u32 protocol;
  enum gate_part part;
};

/* The kernel has a length of 0 in packets of more than 64 KiB (BIG TCP). */
static __always_inline u32 end_of(struct __sk_buff *skb, u32 at, u32 length) {
  u32 all = skb->len;
  if (!length) return all;
  return at + length;
}

static __always_inline bool parse_ipv4(struct __sk_buff *skb, struct gate_work *w,
                                       struct gate_headers *h) {
  u8 ip[20];
  if (bpf_skb_load_bytes(skb, w->l3_at, ip, sizeof(ip))) return false;
  u32 header_bytes = (ip[0] & 15) * 4;
  if (ip[0] >> 4 != 4 || header_bytes < sizeof(ip)) return false;
  u32 total = (u32)ip[2] << 8 | ip[3];
  u32 fragment = (u32)ip[6] << 8 | ip[7];
  h->end = end_of(skb, w->l3_at, total);
  h->at = w->l3_at + header_bytes;
  h->protocol = ip[9];
  h->part = fragment & 0x1fff ? LATER_FRAGMENT : fragment & 0x2000 ? FIRST_FRAGMENT : WHOLE;
  w->is_v6 = 0;
  return true;
}

static __always_inline bool parse_ipv6(struct __sk_buff *skb, struct gate_work *w,
                                       struct gate_headers *h) {
  u8 ip[40];
  if (bpf_skb_load_bytes(skb, w->l3_at, ip, 8)) return false;
  if (ip[0] >> 4 != 6) return false;
  u32 length = (u32)ip[4] << 8 | ip[5];
  u32 next = ip[6];
  u32 at = w->l3_at + sizeof(ip);
  h->end = end_of(skb, length ? at : 0, length);
  h->part = WHOLE;
  for (u32 i = 0; i < EXTENSION_HEADERS_MAX; i++) {
    u8 e[4];
    if (next != NEXT_HOP_BY_HOP && next != NEXT_ROUTING && next != NEXT_DESTINATION &&
        next != NEXT_AUTHENTICATION && next != NEXT_FRAGMENT)
      break;
    if (bpf_skb_load_bytes(skb, at, e, sizeof(e))) return false;
    u32 bytes = ((u32)e[1] + 1) * 8;
    if (next == NEXT_AUTHENTICATION) bytes = ((u32)e[1] + 2) * 4;
    if (next == NEXT_FRAGMENT) {
      u32 fragment = (u32)e[2] << 8 | e[3];
      bytes = 8;
      if (fragment & 0xfff8) h->part = LATER_FRAGMENT;
      else if (fragment & 1) h->part = FIRST_FRAGMENT;
    }
    next = e[0];
    at += bytes;
    if (h->part == LATER_FRAGMENT) break;
  }
  h->at = at;
  h->protocol = next;
  w->is_v6 = 1;
  return true;
}

/* `bytes` of the packet at `at`, zeros behind. */
static __always_inline bool load_buffer(struct __sk_buff *skb, struct gate_work *w, u32 at, u64 bytes) {
  __builtin_memset(w->buffer, 0, sizeof(w->buffer));
  w->buffer_at = at;
  w->buffer_bytes = (u32)bytes;
  bytes--;
  barrier_var(bytes);
  if (bytes >= ALIBI_MARK_BUFFER_BYTES) return false;
  return !bpf_skb_load_bytes(skb, at, w->buffer, bytes + 1);
}

static __noinline int read_tcp_mark(struct gate_work *w) {
  alibi_mark_parse_tcp(w->buffer, w->buffer_bytes, &w->mark);
  return 0;
}

static __noinline int read_udp_mark(struct gate_work *w) {
  alibi_mark_parse_udp(w->buffer, w->buffer_bytes, w->is_odd, &w->mark);
  return 0;
}

/* Nothing, or just the timestamps of nearly every segment. */
static __always_inline bool has_plain_options(const u8 *options, u32 bytes) {
  return bytes == 12 && options[0] == 1 && options[1] == 1 && options[2] == 8 && options[3] == 10;
}

static __always_inline void parse_tcp(struct __sk_buff *skb, struct gate_work *w,
                                      const struct gate_headers *h) {
  u8 tcp[TCP_BYTES_MIN];
  if (h->at + sizeof(tcp) > h->end || bpf_skb_load_bytes(skb, h->at, tcp, sizeof(tcp))) return;
  u32 header_bytes = (tcp[12] >> 4) * 4;
  if (header_bytes < sizeof(tcp) || h->at + header_bytes > h->end) return;
  __builtin_memcpy(w->key.ports, tcp, sizeof(w->key.ports));
  w->payload_at = h->at + header_bytes;
  w->payload_bytes = h->end - w->payload_at;
  w->can_blank = h->part == WHOLE;
  u32 options = header_bytes - sizeof(tcp);
  if (options < LEAST_OPTION_BYTES) return;
  if (!load_buffer(skb, w, h->at + sizeof(tcp), options)) return;
  if (has_plain_options(w->buffer, options)) return;
  read_tcp_mark(w);
}

static __always_inline void parse_udp(struct __sk_buff *skb, struct gate_work *w,
                                      const struct gate_headers *h) {
  u8 udp[UDP_BYTES];
  if (h->at + sizeof(udp) > h->end || bpf_skb_load_bytes(skb, h->at, udp, sizeof(udp))) return;
  __builtin_memcpy(w->key.ports, udp, sizeof(w->key.ports));
  u32 length = (u32)udp[4] << 8 | udp[5];
  u32 room = h->end - h->at;
  if (length < sizeof(udp) || length > room) return;
  w->payload_at = h->at + sizeof(udp);
  w->payload_bytes = length - sizeof(udp);
  w->can_blank = h->part == WHOLE;
  u32 surplus = room - length;
  if (!surplus || surplus > ALIBI_MARK_SURPLUS_BYTES_MAX || h->part != WHOLE) return;
  w->is_odd = length & 1;
  if (!load_buffer(skb, w, h->at + length, surplus)) return;
  read_udp_mark(w);
}

/* False: not an IP packet. */
static __always_inline bool parse_packet(struct __sk_buff *skb, u32 l3_at, struct gate_work *w) {
  struct gate_headers h = {};
  u32 protocol = skb->protocol;
  w->mark.form = ALIBI_MARK_ABSENT;
  w->can_blank = 0;
  w->icmp_type = 0;
  w->is_odd = 0;
  w->payload_bytes = 0;
  __builtin_memset(w->key.ports, 0, sizeof(w->key.ports));
  if (l3_at && (protocol == bpf_htons(VLAN_8021Q) || protocol == bpf_htons(VLAN_8021AD))) {
    /* The kernel has taken one tag off; here is another. */
    __be16 inner;
    if (bpf_skb_load_bytes(skb, l3_at + 2, &inner, sizeof(inner))) return false;
    l3_at += VLAN_TAG_BYTES;
    protocol = inner;
  }
  w->l3_at = l3_at;
  if (protocol == bpf_htons(ETH_P_IP)) {
    if (!parse_ipv4(skb, w, &h)) return false;
  } else if (protocol == bpf_htons(ETH_P_IPV6)) {
    if (!parse_ipv6(skb, w, &h)) return false;
  } else {
    return false;
  }
  w->key.protocol = h.protocol;
  w->l4_at = h.at;
  w->ip_bytes = h.end - l3_at;
  if (h.end > skb->len || h.at > h.end || h.part == LATER_FRAGMENT) return h.end <= skb->len;
  if (h.protocol == IPPROTO_TCP)
    parse_tcp(skb, w, &h);
  else if (h.protocol == IPPROTO_UDP)
    parse_udp(skb, w, &h);
  else if (h.protocol == NEXT_ICMPV6)
    bpf_skb_load_bytes(skb, h.at, &w->icmp_type, 1);
  return true;
}

static __always_inline bool load_addresses(struct __sk_buff *skb, struct gate_work *w) {
  struct alibi_gate_flow_key *key = &w->key;
  if (w->is_v6) return !bpf_skb_load_bytes(skb, w->l3_at + 8, key->source, 32);
  __builtin_memset(key->source, 0, 32);
  key->source[10] = key->source[11] = key->destination[10] = key->destination[11] = 0xff;
  return !bpf_skb_load_bytes(skb, w->l3_at + 12, key->source + 12, 4) &&
         !bpf_skb_load_bytes(skb, w->l3_at + 16, key->destination + 12, 4);
}

#endif
