/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of a socket: who made it, who used it, who holds it.
 *
 * Lives in socket local storage and dies with the socket. BPF_F_CLONE makes an
 * accepted socket start with a copy of its listener's entry, so the listener's
 * creator is known although SYN_RECV->ESTABLISHED runs in any context.
 * Local storage is open to tracing programs since 5.11; on 5.10 hashes stand in
 * for it. They are full one day and then forget the socket used longest ago:
 * its process is unknown after that, never another. */
#ifndef ALIBI_SOCKET_STATE_H
#define ALIBI_SOCKET_STATE_H

#include "lib/emit.h"
#include "lib/process_key.h"
#include "lib/socket.h"

struct socket_state {
  struct alibi_process_key creator;
  struct alibi_process_key sender; /* who sent last, in its own context */
  u64 created_ns;
  u64 established_ns;
  u64 reported_ns; /* last FLOW_OPEN or FLOW_UPDATE */
  u64 reported_bytes;
  u32 net_ns;
  u8 role;  /* enum alibi_socket_role */
  u8 flags; /* enum alibi_flow_flags */
  u16 reserved_0;
  u32 heads_out; /* payload bytes sent on for request heads, by direction */
  u32 heads_in;
  u32 told_ifindex; /* device whose name was sent on last */
  u32 packets;      /* seen of this socket */
  u64 cookie;       /* of this socket; 0: not asked for yet */
  struct alibi_socket_user users[ALIBI_USERS_MAX];
  u64 holders[ALIBI_HOLDERS_MAX]; /* start time ^ tgid of processes reported as holders */
};

#ifdef ALIBI_LEGACY

/* TCP, for tracing programs, which have the address but not always a cookie.
 * Every way into the life of a TCP socket writes the entry anew, so that one
 * left behind at an address that is used again says nothing. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, u64);
  __type(value, struct socket_state);
} al_sock SEC(".maps");

/* All others, for cgroup programs, by cookie: they have no address. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, u64);
  __type(value, struct socket_state);
} al_sock_dgram SEC(".maps");

static const struct socket_state blank_state;

static __always_inline struct socket_state *make_entry(void *map, u64 key) {
  struct socket_state *s = bpf_map_lookup_elem(map, &key);
  if (s) return s;
  bpf_map_update_elem(map, &key, &blank_state, BPF_NOEXIST);
  return bpf_map_lookup_elem(map, &key);
}

static __always_inline struct socket_state *find_state(void *sk) {
  u64 key = (u64)sk;
  return bpf_map_lookup_elem(&al_sock, &key);
}
static __always_inline struct socket_state *make_state(void *sk) { return make_entry(&al_sock, (u64)sk); }
static __always_inline void drop_state(void *sk) {
  u64 key = (u64)sk;
  bpf_map_delete_elem(&al_sock, &key);
}
static __always_inline struct socket_state *find_datagram_state(void *sk, u64 cookie) {
  return bpf_map_lookup_elem(&al_sock_dgram, &cookie);
}
static __always_inline struct socket_state *make_datagram_state(void *sk, u64 cookie) {
  return make_entry(&al_sock_dgram, cookie);
}
static __always_inline void drop_datagram_state(u64 cookie) { bpf_map_delete_elem(&al_sock_dgram, &cookie); }

#else

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct socket_state);
} al_sock SEC(".maps");

#define find_state(sk) ((struct socket_state *)bpf_sk_storage_get(&al_sock, sk, 0, 0))
#define make_state(sk) \
  ((struct socket_state *)bpf_sk_storage_get(&al_sock, sk, 0, BPF_SK_STORAGE_GET_F_CREATE))
/* One storage for all; the kernel drops it with the socket. */
#define find_datagram_state(sk, cookie) find_state(sk)
#define make_datagram_state(sk, cookie) make_state(sk)
#define drop_state(sk)
#define drop_datagram_state(cookie)

#endif

/* An entry copied from a listener has the listener's cookie until it is begun
 * anew. */
static __always_inline u64 remembered_cookie(struct socket_state *s, struct __sk_buff *skb) {
  if (!s || s->role == ALIBI_ROLE_LISTENER) return bpf_get_socket_cookie(skb);
  if (!s->cookie) s->cookie = bpf_get_socket_cookie(skb);
  return s->cookie;
}

static __always_inline void count_refused_state(void) {
  struct alibi_counters *c = counters();
  if (c) __sync_fetch_and_add(&c->states_refused, 1);
}

static __always_inline bool is_user(const struct alibi_socket_user *u, const struct alibi_process_key *k) {
  return u->tgid == k->tgid && u->start_boot_ns == k->start_boot_ns;
}

static __always_inline u8 count_users(const struct socket_state *s) {
  return !!s->users[0].tgid + !!s->users[1].tgid + !!s->users[2].tgid + !!s->users[3].tgid;
}

/* Of the connection before, or of the listener. */
static __always_inline void forget_users(struct socket_state *s) {
  __builtin_memset(s->users, 0, sizeof(s->users));
  __builtin_memset(s->holders, 0, sizeof(s->holders));
  s->heads_out = s->heads_in = 0;
  s->told_ifindex = 0;
  s->packets = 0;
  s->cookie = 0;
}

/* The slot of process `k`, taken for it if it has none yet; *is_new tells.
 * Null: all slots belong to others. */
static __always_inline struct alibi_socket_user *user_slot(struct socket_state *s,
                                                           const struct alibi_process_key *k,
                                                           u32 how, bool *is_new) {
  *is_new = false;
#pragma unroll
  for (int i = 0; i < ALIBI_USERS_MAX; i++) {
    struct alibi_socket_user *u = &s->users[i];
    if (is_user(u, k)) return u;
    if (u->tgid) continue;
#ifndef ALIBI_LEGACY
    /* two processes may use the socket for the first time at once */
    if (__sync_val_compare_and_swap(&u->start_boot_ns, 0, k->start_boot_ns)) continue;
#else
    u->start_boot_ns = k->start_boot_ns;
#endif
    u->tgid = k->tgid;
    u->uid = k->uid;
    u->how = how;
    *is_new = true;
    return u;
  }
  if (!(s->flags & ALIBI_FLOW_MORE_USERS)) {
    s->flags |= ALIBI_FLOW_MORE_USERS;
    *is_new = true;
  }
  return 0;
}

#endif
