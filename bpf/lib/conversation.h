/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Conversations of UDP, ICMP and raw sockets: counted by remote address in one
 * table, and the names that were asked for. For programs at cgroup_skb. */
#ifndef ALIBI_CONVERSATION_H
#define ALIBI_CONVERSATION_H

#include "lib/emit.h"
#include "lib/packet.h"
#include "lib/socket_state.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 32768);
  __type(key, struct alibi_conversation_key);
  __type(value, struct alibi_conversation);
} al_convs SEC(".maps");

static __always_inline void emit_dns_of(struct __sk_buff *skb, struct socket_state *s, struct packet *p,
                                        u64 cookie, bool is_out, u32 n, const u32 room) {
  const u32 size = sizeof(struct alibi_dns) + room;
  struct alibi_dns *r = bpf_ringbuf_reserve(&al_ring_network, size, 0);
  if (!r) {
    lose_record(ALIBI_RING_NETWORK, ALIBI_RECORD_DNS);
    return;
  }
  __builtin_memset(r, 0, sizeof(*r));
  if (s) {
    r->header.process = s->sender.tgid ? s->sender : s->creator;
    r->net_ns = s->net_ns;
    r->user_count = count_users(s);
  }
  r->tuple.family = p->key.family;
  r->tuple.protocol = p->protocol;
  r->tuple.local_port = p->local_port;
  r->tuple.remote_port = p->key.remote_port;
  __builtin_memcpy(r->tuple.local, p->local, 16);
  __builtin_memcpy(r->tuple.remote, p->key.remote, 16);
  r->cookie = cookie;
  r->payload_bytes = p->payload_bytes;
  r->is_answer = !is_out;
  if (load_payload(skb, p->header_bytes, r + 1, n, room)) r->captured_bytes = n;
  number_record(&r->header, ALIBI_RING_NETWORK, ALIBI_RECORD_DNS, size);
  bpf_ringbuf_submit(r, wake_flags(&al_ring_network));
}

/* Two sizes, each known to the verifier from the reservation to its end. */
static __always_inline void emit_dns(struct __sk_buff *skb, struct socket_state *s, struct packet *p,
                                     u64 cookie, bool is_out) {
  u32 n = p->payload_bytes;
  if (n > ALIBI_DNS_BYTES_MAX) n = ALIBI_DNS_BYTES_MAX;
  if (n == 0) return;
  if (n <= ALIBI_DNS_SHORT_BYTES_MAX)
    emit_dns_of(skb, s, p, cookie, is_out, n, ALIBI_DNS_SHORT_BYTES_MAX);
  else
    emit_dns_of(skb, s, p, cookie, is_out, n, ALIBI_DNS_BYTES_MAX);
}

static __always_inline void count_packet(struct alibi_conversation *c, struct packet *p, u64 now, bool is_out) {
  c->last_ns = now;
  if (is_out) {
    __sync_fetch_and_add(&c->packets_out, p->count);
    __sync_fetch_and_add(&c->bytes_out, p->payload_bytes);
  } else {
    __sync_fetch_and_add(&c->packets_in, p->count);
    __sync_fetch_and_add(&c->bytes_in, p->payload_bytes);
  }
}

static __always_inline void note_sender(struct alibi_conversation *c, struct socket_state *s) {
  if (!s->sender.tgid) return;
  bool is_presumed = s->flags & ALIBI_FLOW_PRESUMED;
  if (is_same(&s->sender, &c->sender)) {
    if (!is_presumed) c->flags &= ~ALIBI_FLOW_PRESUMED;
    return;
  }
  if (!c->sender.tgid || (c->flags & ALIBI_FLOW_PRESUMED)) {
    c->sender = s->sender;
    c->flags = is_presumed ? c->flags | ALIBI_FLOW_PRESUMED : c->flags & ~ALIBI_FLOW_PRESUMED;
  }
  else
    c->other_sender = s->sender;
}

static __always_inline void count_in(struct socket_state *s, struct packet *p, bool is_out, u64 now) {
  struct alibi_conversation *c = bpf_map_lookup_elem(&al_convs, &p->key);
  if (c) {
    if (is_out && s) note_sender(c, s);
    count_packet(c, p, now, is_out);
    return;
  }
  /* What a raw socket receives it shares with others: no flow of its own. */
  if (!is_out && p->protocol != IPPROTO_UDP) return;
  struct alibi_conversation fresh;
  __builtin_memset(&fresh, 0, sizeof(fresh));
  fresh.first_ns = now;
  fresh.began_in = !is_out;
  __builtin_memcpy(fresh.local, p->local, 16);
  if (s) {
    fresh.creator = s->creator;
    fresh.net_ns = s->net_ns;
    fresh.flags = s->flags & ALIBI_FLOW_SNAPSHOT;
    if (is_out) note_sender(&fresh, s);
    s->flags |= ALIBI_FLOW_TALKED;
  }
  count_packet(&fresh, p, now, is_out);
  if (bpf_map_update_elem(&al_convs, &p->key, &fresh, BPF_NOEXIST)) {
    c = bpf_map_lookup_elem(&al_convs, &p->key); /* another CPU was first */
    if (c) {
      count_packet(c, p, now, is_out);
      return;
    }
    struct alibi_counters *n = counters();
    if (n) __sync_fetch_and_add(&n->conversations_refused, 1);
  }
}

/* Ports and lengths behind the IP header. False: of no interest, or cut short. */
static __always_inline bool parse(struct __sk_buff *skb, bool is_out, struct packet *p) {
  if (parse_udp_directly(skb, is_out, p)) return true;
  if (!parse_ip(skb, is_out, p)) return false;
  if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP) return true;
  struct ports ports;
  if (bpf_skb_load_bytes(skb, p->header_bytes, &ports, sizeof(ports))) return false;
  p->local_port = bpf_ntohs(is_out ? ports.source : ports.destination);
  p->key.remote_port = bpf_ntohs(is_out ? ports.destination : ports.source);
  u32 header_bytes = 8;
  if (p->protocol == IPPROTO_TCP) {
    if (p->key.remote_port != DNS_PORT) return false;
    u8 offset;
    if (bpf_skb_load_bytes(skb, p->header_bytes + 12, &offset, 1)) return false;
    header_bytes = (offset >> 4) * 4;
  }
  p->header_bytes += header_bytes;
  p->payload_bytes = p->payload_bytes > header_bytes ? p->payload_bytes - header_bytes : 0;
  return true;
}

/* Everything but TCP is counted, questions for names and their answers are sent on whole. */
static __always_inline void converse(struct __sk_buff *skb, struct socket_state *s, u64 cookie, bool is_out,
                                     u64 now) {
  struct packet p;
  __builtin_memset(&p, 0, sizeof(p));
  if (!parse(skb, is_out, &p)) return;
  p.count = skb->gso_segs > 1 ? skb->gso_segs : 1;
  p.key.local_port = p.local_port;
  p.key.cookie = cookie;
  if (p.protocol == IPPROTO_TCP || (p.protocol == IPPROTO_UDP && is_dns_port(p.key.remote_port)))
    emit_dns(skb, s, &p, cookie, is_out);
  if (p.protocol != IPPROTO_TCP) count_in(s, &p, is_out, now);
}

#endif
