// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every packet of every socket: its headers, and beside them the bytes in which
// a request head may stand. What al_egress and al_ingress do where no packets are
// recorded is done here too: one program a packet is cheaper than two.
//
// cgroup_skb at the root cgroup (egress and ingress since 4.10, direct socket
// storage since 5.9) sees each network namespace, and each packet that a socket
// of this host sends or receives once a direction. It does not see what is
// forwarded, what no socket takes, what a TIME_WAIT socket receives, and what
// packet sockets inject: docs/loss.md.
//
// The ring of packets is their own. When it is three quarters full, the
// beginnings of conversations, SYN, FIN, RST, and heads are still sent on; the
// rest is counted.

#include "kernel_types.h"

#include "lib/conversation.h"
#include "lib/emit.h"
#include "lib/http.h"
#include "lib/process_key.h"
#include "lib/socket_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
  HEADERS_BYTES_MAX = 128, /* IPv6 and the longest TCP header have 100 */
  BEGINNING_PACKETS = 16,  /* of a socket, kept when the ring fills */
  QUIC_BYTES_MIN = 1200,   /* an Initial is padded to this: RFC 9000, 14.1 */
};

struct packet_view {
  u32 headers; /* bytes up to the payload; 0: not understood here */
  u32 payload;
  u32 take; /* bytes of the packet to send on */
  u64 now;
  u64 cookie;
  u8 protocol;
  bool is_out;
  bool matters;
};

/* What a head begins with. Others than these are found as long as the first
 * ALIBI_HEAD_BYTES_MAX of a direction last. */
static __always_inline bool is_head(const u8 *b) {
  if (b[0] == 0x16 && b[1] == 3) return true; /* TLS handshake record */
  return is_http_head(b);
}

static __always_inline u32 heads_of_stream(struct __sk_buff *skb, struct socket_state *s,
                                           struct packet_view *v, bool is_out) {
  u32 used = s ? (is_out ? s->heads_out : s->heads_in) : ALIBI_HEAD_BYTES_MAX;
  u32 budget = used < ALIBI_HEAD_BYTES_MAX ? ALIBI_HEAD_BYTES_MAX - used : 0;
  if (budget < v->payload) {
    u8 begin[4];
    if (!bpf_skb_load_bytes(skb, v->headers, begin, sizeof(begin)) && is_head(begin)) {
      budget = ALIBI_HEAD_BYTES_MAX;
      used = 0;
    }
  }
  u32 take = v->payload < budget ? v->payload : budget;
  if (s && take) {
    if (is_out)
      s->heads_out = used + take;
    else
      s->heads_in = used + take;
  }
  return take;
}

static __always_inline u32 heads_of_datagram(struct __sk_buff *skb, struct packet_view *v) {
  if (v->payload < QUIC_BYTES_MIN) return 0;
  enum { LONG_HEADER_FIXED = 0xc0 }; /* RFC 9000, 17.2 */
  u8 first;
  if (bpf_skb_load_bytes(skb, v->headers, &first, 1)) return 0;
  return (first & LONG_HEADER_FIXED) == LONG_HEADER_FIXED ? v->payload : 0;
}

enum { TCP_FIN_SYN_RST = 7 };

/* Nearly all packets, and no helper: TCP or UDP over IP without options, in
 * reach. False only means that a closer look is due. */
static __always_inline bool look_directly(struct __sk_buff *skb, struct packet_view *v) {
  enum { IPV4_BYTES = 20, IPV6_BYTES = 40, TCP_FLAGS_END = 14 };
  u8 *h = (u8 *)(long)skb->data;
  u8 *end = (u8 *)(long)skb->data_end;
  u8 *transport = h + IPV4_BYTES;
  u32 headers = IPV4_BYTES;
  if (transport + TCP_FLAGS_END > end) return false;
  if (h[0] == 0x45) {
    if ((h[6] & 0x3f) || h[7]) return false; /* a fragment */
    v->protocol = h[9];
  } else {
    transport = h + IPV6_BYTES;
    headers = IPV6_BYTES;
    if ((h[0] >> 4) != 6 || transport + TCP_FLAGS_END > end) return false;
    v->protocol = h[6];
  }
  if (v->protocol == IPPROTO_TCP) {
    headers += (transport[12] >> 4) * 4;
    v->matters = transport[13] & TCP_FIN_SYN_RST;
  } else if (v->protocol == IPPROTO_UDP) {
    headers += 8;
  } else {
    return false;
  }
  if (headers > skb->len) return false;
  v->headers = headers;
  v->payload = skb->len - headers;
  v->take = headers;
  return true;
}

/* Headers without IPv6 extensions; others are taken whole up to
 * HEADERS_BYTES_MAX and read by the recorder. */
static __always_inline void look(struct __sk_buff *skb, struct packet_view *v) {
  if (look_directly(skb, v)) return;
  u8 ip[10];
  v->take = skb->len < HEADERS_BYTES_MAX ? skb->len : HEADERS_BYTES_MAX;
  v->matters = true;
  if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip))) return;
  u32 at = 40;
  v->protocol = ip[6];
  if ((ip[0] >> 4) == 4) {
    at = (ip[0] & 15) * 4;
    v->protocol = ip[9];
    if ((ip[6] & 0x3f) || ip[7]) return; /* a fragment */
  }
  u32 headers = at + 8;
  if (v->protocol == IPPROTO_TCP) {
    u8 tcp[2]; /* data offset, flags */
    if (bpf_skb_load_bytes(skb, at + 12, tcp, sizeof(tcp))) return;
    headers = at + (tcp[0] >> 4) * 4;
    v->matters = tcp[1] & TCP_FIN_SYN_RST;
  } else if (v->protocol == IPPROTO_UDP) {
    v->matters = false;
  } else {
    return;
  }
  if (headers > skb->len) return;
  v->headers = headers;
  v->payload = skb->len - headers;
  v->take = headers;
}

static __always_inline void fill_owner(struct alibi_packet *r, struct socket_state *s, bool is_tcp) {
  r->header.process = s->creator;
  r->owner_by = s->creator.tgid ? ALIBI_OWNER_CREATOR : ALIBI_OWNER_NOBODY;
  r->role = s->role;
  r->flags = s->flags;
  if (!is_tcp) {
    if (!s->sender.tgid) return;
    r->header.process = s->sender;
    r->owner_by = s->flags & ALIBI_FLOW_PRESUMED ? ALIBI_OWNER_CONNECTOR : ALIBI_OWNER_SENDER;
    return;
  }
  /* As attribution of flows has it: who moved bytes, else who used it at all. */
  struct alibi_socket_user *first = 0;
  u32 movers = 0;
#pragma unroll
  for (int i = 0; i < ALIBI_USERS_MAX; i++) {
    struct alibi_socket_user *u = &s->users[i];
    if (!u->tgid || !(u->bytes_out | u->bytes_in)) continue;
    if (!movers++) first = u;
  }
  if (!movers) {
    movers = count_users(s);
    first = &s->users[0];
  }
  if (!movers || !first) return;
  r->header.process.start_boot_ns = first->start_boot_ns;
  r->header.process.tgid = first->tgid;
  r->header.process.uid = first->uid;
  r->owner_by = movers > 1 || (s->flags & ALIBI_FLOW_MORE_USERS) ? ALIBI_OWNER_SEVERAL : ALIBI_OWNER_USER;
}

/* The context of the program is the kernel's sk_buff; reads of it are checked. */
static __always_inline void fill_device(struct alibi_packet *r, struct __sk_buff *skb, struct socket_state *s) {
  if (s && s->told_ifindex == r->ifindex && r->net_ns) return;
  struct net_device *dev = BPF_CORE_READ((struct sk_buff *)skb, dev);
  if (!r->net_ns) r->net_ns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
  if (s && s->told_ifindex == r->ifindex) return;
  bpf_core_read(r->device, sizeof(r->device), &dev->name);
  if (s) s->told_ifindex = r->ifindex;
}

static __always_inline void send_on(struct __sk_buff *skb, struct socket_state *s, struct packet_view *v,
                                    u64 wake, const u32 room) {
  const u32 size = sizeof(struct alibi_packet) + room;
  struct alibi_packet *r = bpf_ringbuf_reserve(&al_ring_packet, size, 0);
  if (!r) {
    lose_record(ALIBI_RING_PACKET, ALIBI_RECORD_PACKET);
    return;
  }
  __builtin_memset(r, 0, sizeof(*r));
  r->cookie = v->cookie;
  r->ifindex = skb->ifindex;
  r->wire_bytes = skb->len;
  r->gso_segs = skb->gso_segs;
  r->is_out = v->is_out;
  if (s) {
    r->net_ns = s->net_ns;
    fill_owner(r, s, v->protocol == IPPROTO_TCP);
  }
  fill_device(r, skb, s);
  if (load_payload(skb, 0, r + 1, v->take, room)) r->captured_bytes = v->take;
  number_record_at(&r->header, ALIBI_RING_PACKET, ALIBI_RECORD_PACKET, size, v->now);
  bpf_ringbuf_submit(r, wake);
}

static __always_inline int packet(struct __sk_buff *skb, bool is_out) {
  struct packet_view v;
  __builtin_memset(&v, 0, sizeof(v));
  v.now = bpf_ktime_get_boot_ns();
  v.is_out = is_out;
  struct bpf_sock *sk = skb->sk;
  if (sk) sk = bpf_sk_fullsock(sk);
  struct socket_state *s = sk ? find_state(sk) : 0;
  v.cookie = remembered_cookie(s, skb);
  if (sk && !is_other_tcp(skb, is_out)) converse(skb, s, v.cookie, is_out, v.now);
  struct alibi_config *c = config();
  if (!c || !c->packet_ring_bytes) return 1; /* not yet configured, or off */
  look(skb, &v);
  if (v.payload) {
    u32 heads = v.protocol == IPPROTO_TCP ? heads_of_stream(skb, s, &v, is_out) : heads_of_datagram(skb, &v);
    u32 wanted = c->packet_payload_bytes < v.payload ? c->packet_payload_bytes : v.payload;
    v.take += heads > wanted ? heads : wanted;
    v.matters |= heads != 0;
  }
  if (!s || s->packets++ < BEGINNING_PACKETS) v.matters = true;
  u64 unread = bpf_ringbuf_query(&al_ring_packet, BPF_RB_AVAIL_DATA);
  if (!v.matters && unread > c->packet_ring_bytes / 4 * 3) {
    lose_record(ALIBI_RING_PACKET, ALIBI_RECORD_PACKET);
    return 1;
  }
  u32 n = v.take;
  /* The recorder leaves packets in the ring for a while, so what is unread says
   * little: it is woken each time another eighth of the ring is full. A wakeup
   * costs more than twenty packets. */
  u64 eighth = ~(u64)(c->packet_ring_bytes / 8 - 1);
  u64 wake = ((unread ^ (unread + n + sizeof(struct alibi_packet))) & eighth) ? BPF_RB_FORCE_WAKEUP
                                                                               : BPF_RB_NO_WAKEUP;
  /* Sizes known to the verifier from the reservation to its end. */
  if (n <= 32)
    send_on(skb, s, &v, wake, 32);
  else if (n <= 64)
    send_on(skb, s, &v, wake, 64);
  else if (n <= 128)
    send_on(skb, s, &v, wake, 128);
  else if (n <= 512)
    send_on(skb, s, &v, wake, 512);
  else if (n <= 2048)
    send_on(skb, s, &v, wake, 2048);
  else if (n <= 8192)
    send_on(skb, s, &v, wake, 8192);
  else if (n <= ALIBI_HEAD_BYTES_MAX + HEADERS_BYTES_MAX)
    send_on(skb, s, &v, wake, ALIBI_HEAD_BYTES_MAX + HEADERS_BYTES_MAX);
  else {
    if (n > 65536) v.take = 65536;
    send_on(skb, s, &v, wake, 65536);
  }
  return 1;
}

SEC("cgroup_skb/egress") int al_packet_out(struct __sk_buff *skb) { return packet(skb, true); }
SEC("cgroup_skb/ingress") int al_packet_in(struct __sk_buff *skb) { return packet(skb, false); }
