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

#endif
