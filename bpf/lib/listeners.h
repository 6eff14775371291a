/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who listens on a port, for kernels where an accepted socket cannot start with
 * a copy of its listener's entry (lib/socket_state.h). Elsewhere nothing. */
#ifndef ALIBI_LISTENERS_H
#define ALIBI_LISTENERS_H

#include "lib/socket_state.h"

#ifdef ALIBI_LEGACY
struct listener_key {
  u32 net_ns;
  u32 port;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct listener_key);
  __type(value, struct alibi_process_key);
} al_listeners SEC(".maps");

static __always_inline struct listener_key listener_key_of(struct sock *sk) {
  struct listener_key key = {net_ns_of(sk), BPF_CORE_READ(sk, __sk_common.skc_num)};
  return key;
}

/* Two processes listening on one port: nobody knows here whose a connection is. */
static __always_inline void note_listener(struct sock *sk, const struct alibi_process_key *process) {
  struct listener_key key = listener_key_of(sk);
  struct alibi_process_key *other = bpf_map_lookup_elem(&al_listeners, &key);
  struct alibi_process_key noted = *process;
  if (other && !is_same(other, process)) __builtin_memset(&noted, 0, sizeof(noted));
  bpf_map_update_elem(&al_listeners, &key, &noted, BPF_ANY);
}

static __always_inline void forget_listener(struct sock *sk) {
  struct listener_key key = listener_key_of(sk);
  bpf_map_delete_elem(&al_listeners, &key);
}

/* An entry for an accepted socket, as if copied from its listener's. */
static __always_inline struct socket_state *clone_listener_state(struct sock *sk) {
  struct socket_state *s = make_state(sk);
  if (!s) {
    count_refused_state();
    return 0;
  }
  struct listener_key key = listener_key_of(sk);
  struct alibi_process_key *listener = bpf_map_lookup_elem(&al_listeners, &key);
  __builtin_memset(&s->creator, 0, sizeof(s->creator));
  s->flags = 0;
  if (listener)
    s->creator = *listener;
  else
    s->flags = ALIBI_FLOW_SNAPSHOT;
  s->role = ALIBI_ROLE_LISTENER;
  return s;
}
#else
#define note_listener(sk, process)
#define forget_listener(sk)
#endif

#endif
