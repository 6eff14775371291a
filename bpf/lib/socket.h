/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel's own socket says. */
#ifndef ALIBI_SOCKET_H
#define ALIBI_SOCKET_H

#include "lib/kernel.h"

/* The cookie is made by the kernel on first use. Helpers may make it; a plain
 * read may find zero. Tracing programs of 5.10 have no helper, there the cgroup
 * programs see to it that sockets have one (al_create, packet). */
static __always_inline u64 cookie_of(struct sock *sk) {
#ifdef ALIBI_LEGACY
  return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
#else
  return bpf_get_socket_cookie(sk);
#endif
}

/* A member of a socket. The verifier knows the type of every socket we meet and
 * lets us load directly; on 5.10 some come out of checked reads. */
#ifdef ALIBI_LEGACY
#define SOCK_READ(sk, member) BPF_CORE_READ(sk, member)
#define TCP_SOCK_OF(sk) ((struct tcp_sock *)(sk))
#else
#define SOCK_READ(sk, member) ((sk)->member)
#define TCP_SOCK_OF(sk) bpf_skc_to_tcp_sock(sk)
#endif

static __always_inline u32 net_ns_of(struct sock *sk) {
#ifdef ALIBI_LEGACY
  return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
#else
  return sk->__sk_common.skc_net.net->ns.inum;
#endif
}

/* Both sides of an inet socket. */
static __always_inline void fill_tuple(struct alibi_tuple *t, struct sock *sk) {
  struct sock_common *c = &sk->__sk_common;
  t->family = SOCK_READ(sk, __sk_common.skc_family);
  t->protocol = SOCK_READ(sk, sk_protocol);
  t->local_port = SOCK_READ(sk, __sk_common.skc_num);
  /* skc_num is zero again at TCP_CLOSE of a socket that was bound by itself */
  if (!t->local_port)
    t->local_port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
  t->remote_port = __builtin_bswap16(SOCK_READ(sk, __sk_common.skc_dport));
  if (t->family == AF_INET) {
    *(u32 *)t->local = SOCK_READ(sk, __sk_common.skc_rcv_saddr);
    *(u32 *)t->remote = SOCK_READ(sk, __sk_common.skc_daddr);
  } else if (t->family == AF_INET6) {
    BPF_CORE_READ_INTO((struct in6_addr *)t->local, c, skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO((struct in6_addr *)t->remote, c, skc_v6_daddr);
  }
}

/* Kernels before 6.3: a packet enters a device queue while a process holds the
 * socket lock, so the current process is the sender. Packets without
 * data do not count: answers of the kernel and the FIN leave in the context of
 * whoever connected or closed. */
static __always_inline bool has_payload(struct sk_buff *skb) {
  unsigned char *head = BPF_CORE_READ(skb, head);
  u32 transport = BPF_CORE_READ(skb, transport_header);
  u8 offset = 0;
  bpf_probe_read_kernel(&offset, 1, head + transport + 12);
  u32 headers = transport - (u32)(BPF_CORE_READ(skb, data) - head) + (offset >> 4) * 4;
  return BPF_CORE_READ(skb, len) > headers;
}

static __always_inline bool sends_payload(struct sock *sk, struct sk_buff *skb) {
  u8 state = sk->__sk_common.skc_state;
  if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT) return false; /* others may be no full socket */
  return sk->sk_protocol == IPPROTO_TCP && sk->sk_lock.owned && has_payload(skb);
}

#endif
