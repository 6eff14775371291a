/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The heads of IP packets at cgroup_skb, where data begins at the IP header. */
#ifndef ALIBI_PACKET_H
#define ALIBI_PACKET_H

#include "lib/maps.h"

#include <bpf/bpf_endian.h>

enum { DNS_PORT = 53, MDNS_PORT = 5353, LLMNR_PORT = 5355 };

struct packet {
  struct alibi_conversation_key key;
  u8 local[16];
  u32 header_bytes; /* up to the payload */
  u32 payload_bytes;
  u32 count; /* on the wire; more than one where the device or the receiver segments (UDP_SEGMENT, GRO) */
  u16 local_port;
  u8 protocol;
};

static __always_inline bool is_dns_port(u16 port) {
  return port == DNS_PORT || port == MDNS_PORT || port == LLMNR_PORT;
}

struct ports { u16 source, destination; };

/* Addresses, protocol and length. False: not an IP packet we understand, or
 * not the first fragment. */
static __always_inline bool parse_ip(struct __sk_buff *skb, bool is_out, struct packet *p) {
  u8 h[40];
  u32 total;
  if (bpf_skb_load_bytes(skb, 0, h, 20)) return false;
  if ((h[0] >> 4) == 4) {
    p->key.family = AF_INET;
    p->protocol = h[9];
    p->header_bytes = (h[0] & 15) * 4;
    if ((h[6] & 0x1f) || h[7]) return false;
    __builtin_memcpy(p->local, h + (is_out ? 12 : 16), 4);
    __builtin_memcpy(p->key.remote, h + (is_out ? 16 : 12), 4);
  } else {
    if (bpf_skb_load_bytes(skb, 0, h, 40)) return false;
    p->key.family = AF_INET6;
    p->protocol = h[6];
    p->header_bytes = 40;
    __builtin_memcpy(p->local, h + (is_out ? 8 : 24), 16);
    __builtin_memcpy(p->key.remote, h + (is_out ? 24 : 8), 16);
  }
  total = skb->len;
  p->payload_bytes = total > p->header_bytes ? total - p->header_bytes : 0;
  p->key.protocol = p->protocol;
  return true;
}

/* A whole TCP header in reach, and no DNS: nearly all packets, and they need no
 * helper. False only means that a closer look is due. */
static __always_inline bool is_other_tcp(struct __sk_buff *skb, bool is_out) {
  enum { IPV4_BYTES = 20, IPV6_BYTES = 40, IPV4_PROTOCOL = 9, IPV6_NEXT_HEADER = 6 };
  u8 *h = (u8 *)(long)skb->data;
  u8 *end = (u8 *)(long)skb->data_end;
  struct ports *ports = (struct ports *)(h + IPV4_BYTES);
  if ((u8 *)(ports + 1) > end) return false;
  if (h[0] == 0x45) {
    if (h[IPV4_PROTOCOL] != IPPROTO_TCP) return false;
  } else {
    ports = (struct ports *)(h + IPV6_BYTES);
    if ((h[0] >> 4) != 6 || h[IPV6_NEXT_HEADER] != IPPROTO_TCP || (u8 *)(ports + 1) > end) return false;
  }
  return (is_out ? ports->destination : ports->source) != bpf_htons(DNS_PORT);
}

/* A UDP packet over IPv4 without options, in reach: nearly all that is no TCP,
 * and it needs no helper. False only means that a closer look is due. */
static __always_inline bool parse_udp_directly(struct __sk_buff *skb, bool is_out, struct packet *p) {
  enum { IPV4_BYTES = 20, UDP_BYTES = 8 };
  u8 *h = (u8 *)(long)skb->data;
  u8 *end = (u8 *)(long)skb->data_end;
  struct ports *ports = (struct ports *)(h + IPV4_BYTES);
  if (h + IPV4_BYTES + UDP_BYTES > end) return false;
  if (h[0] != 0x45 || h[9] != IPPROTO_UDP || (h[6] & 0x3f) || h[7]) return false;
  u32 source = *(u32 *)(h + 12);
  u32 destination = *(u32 *)(h + 16);
  *(u32 *)p->local = is_out ? source : destination;
  *(u32 *)p->key.remote = is_out ? destination : source;
  p->local_port = bpf_ntohs(is_out ? ports->source : ports->destination);
  p->key.remote_port = bpf_ntohs(is_out ? ports->destination : ports->source);
  p->key.family = AF_INET;
  p->key.protocol = p->protocol = IPPROTO_UDP;
  p->header_bytes = IPV4_BYTES + UDP_BYTES;
  p->payload_bytes = skb->len > p->header_bytes ? skb->len - p->header_bytes : 0;
  return true;
}

/* The verifier forgets the bounds of a length that was spilled, and old ones
 * learn nothing from n != 0: both bounds are checked here, in the register that
 * is used, by one comparison of n - 1 (which is large if n is 0). */
static __always_inline bool load_payload(struct __sk_buff *skb, u32 from, void *to, u64 n, u64 max) {
  n--;
  barrier_var(n);
  if (n >= max) return false;
  return !bpf_skb_load_bytes(skb, from, to, n + 1);
}

#endif
