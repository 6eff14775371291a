// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which process owns which flow.
//
// TCP: tp_btf/inet_sock_set_state (since 4.16). SYN_SENT and LISTEN run in the
// caller's context, so the owner is right there; ESTABLISHED and CLOSE run
// anywhere and take it from the socket's state. A flow is reported once, when
// it ends; a sweep by the recorder (iter/bpf_sk_storage_map) announces those
// that live longer. That makes a short connection cost one record per side.
//
// UDP, ICMP, raw: counted per remote address in a table at cgroup_skb of the
// root cgroup, which sees every network namespace and no forwarded packet.
//
// Users of a socket: tp_btf/sock_{send,recv}_length (since 6.3), in the user's
// own context for every kind of I/O incl. io_uring and sendfile; splice
// receives only pass tcp_rcv_space_adjust (since 4.16). Before 6.3 senders are
// seen at net_dev_queue while they hold the socket lock.

#include "kernel_types.h"

#include "lib/conversation.h"
#include "lib/emit.h"
#include "lib/listeners.h"
#include "lib/process_key.h"
#include "lib/socket_state.h"
#include "lib/syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---------------------------------------------------------------------- TCP */

static __always_inline void fill_counters(struct alibi_flow *r, struct sock *sk) {
  struct tcp_sock *tp = TCP_SOCK_OF(sk);
  if (!tp) return;
  r->packets_in = SOCK_READ(tp, segs_in);
  r->packets_out = SOCK_READ(tp, segs_out);
  r->retransmits = SOCK_READ(tp, total_retrans);
  r->srtt_us = SOCK_READ(tp, srtt_us) >> 3; /* kept times 8, include/linux/tcp.h */
  r->bytes_out = SOCK_READ(tp, bytes_sent) - SOCK_READ(tp, bytes_retrans);
  r->bytes_in = SOCK_READ(tp, bytes_received);
  /* bytes_received counts the peer's FIN as one (tcp_rcv_nxt_update) */
  if (r->bytes_in && (SOCK_READ(sk, __sk_common.skc_flags) & (1UL << SOCK_FLAG_DONE))) r->bytes_in--;
}

/* The users stand last and most flows have one: the others are left out. */
enum { FLOW_BYTES_WITH_ONE_USER = offsetof(struct alibi_flow, users) + sizeof(struct alibi_socket_user) };

static __always_inline void emit_flow(struct sock *sk, struct socket_state *s, u8 moment, u8 old_state) {
  struct alibi_flow r;
  __builtin_memset(&r, 0, offsetof(struct alibi_flow, users));
  fill_tuple(&r.tuple, sk);
  r.cookie = cookie_of(sk);
  r.net_ns = net_ns_of(sk);
  r.old_state = old_state;
  r.state = SOCK_READ(sk, __sk_common.skc_state);
  r.moment = moment;
  r.error = SOCK_READ(sk, sk_err);
  if (!r.error) r.error = SOCK_READ(sk, sk_err_soft);
  if (moment != ALIBI_FLOW_LISTEN && moment != ALIBI_FLOW_LISTEN_END) fill_counters(&r, sk);
  if (s) {
    r.header.process = s->creator;
    r.created_ns = s->created_ns;
    r.established_ns = s->established_ns;
    r.role = s->role;
    r.flags = s->flags;
    if (s->role == ALIBI_ROLE_SERVER) r.packets_out++; /* the SYN-ACK left before */
    r.users[0] = s->users[0];
    r.user_count = count_users(s);
    if (r.user_count > 1) {
      __builtin_memcpy(r.users + 1, s->users + 1, sizeof(r.users) - sizeof(r.users[0]));
      emit_network(&r, ALIBI_RECORD_FLOW, sizeof(r));
      return;
    }
  } else {
    __builtin_memset(r.users, 0, sizeof(r.users[0]));
  }
  emit_network(&r, ALIBI_RECORD_FLOW, FLOW_BYTES_WITH_ONE_USER);
}

static __always_inline void begin_own(struct sock *sk, u8 role) {
  struct socket_state *s = make_state(sk);
  if (!s) {
    count_refused_state();
    return;
  }
  key_of_current(&s->creator);
  if (s->created_ns) forget_users(s); /* a fresh one is zero */
  s->created_ns = bpf_ktime_get_boot_ns();
  s->established_ns = 0;
  s->reported_ns = 0;
  s->role = role;
  s->flags = 0;
  s->net_ns = net_ns_of(sk);
  if (role != ALIBI_ROLE_LISTENER) return;
  note_listener(sk, &s->creator);
  emit_flow(sk, s, ALIBI_FLOW_LISTEN, TCP_CLOSE);
}

/* The entry is a copy of the listener's. */
static __always_inline void begin_accepted(struct socket_state *s) {
  forget_users(s);
  s->created_ns = s->established_ns = bpf_ktime_get_boot_ns();
  s->reported_ns = 0;
  s->role = ALIBI_ROLE_SERVER;
  s->flags &= ALIBI_FLOW_SNAPSHOT; /* the listener, and with it the creator, may be older than we */
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(al_tcp_state, struct sock *sk, int old, int new) {
  if (new != TCP_SYN_SENT && new != TCP_ESTABLISHED && new != TCP_LISTEN && new != TCP_CLOSE)
    return 0;
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  if (new == TCP_SYN_SENT || new == TCP_LISTEN) {
    begin_own(sk, new == TCP_LISTEN ? ALIBI_ROLE_LISTENER : ALIBI_ROLE_CLIENT);
    return 0;
  }
#ifdef ALIBI_LEGACY
  if (old == TCP_SYN_RECV && new == TCP_CLOSE) { /* never accepted; an entry here is of an earlier socket */
    drop_state(sk);
    return 0;
  }
  struct socket_state *s = find_state(sk);
  if (new == TCP_ESTABLISHED && old == TCP_SYN_RECV && !(s && s->role == ALIBI_ROLE_CLIENT && s->created_ns))
    s = clone_listener_state(sk);
#else
  struct socket_state *s = find_state(sk);
#endif
  if (new == TCP_ESTABLISHED) {
    if (!s) return 0;
    if (old == TCP_SYN_RECV && s->role != ALIBI_ROLE_CLIENT)
      begin_accepted(s);
    else
      s->established_ns = bpf_ktime_get_boot_ns();
    return 0;
  }
  /* A child that never got past SYN_RECV has its listener's entry: no flow. */
  if (old == TCP_SYN_RECV && s && s->role == ALIBI_ROLE_LISTENER) return 0;
  emit_flow(sk, s, old == TCP_LISTEN ? ALIBI_FLOW_LISTEN_END : ALIBI_FLOW_CLOSE, old);
  if (old == TCP_LISTEN) forget_listener(sk);
  drop_state(sk);
  return 0;
}

/* Read by the recorder once a second: announces what lives longer than
 * open_after_ns, and reports counters of long-lived flows that changed. */
#ifdef ALIBI_LEGACY
SEC("iter/bpf_map_elem")
int al_it_sockets(struct bpf_iter__bpf_map_elem *ctx) {
  struct sock **key = ctx->key;
  barrier_var(key); /* else it is read again after the check */
  if (!key) return 0;
  struct sock *sk = *key;
#else
SEC("iter/bpf_sk_storage_map")
int al_it_sockets(struct bpf_iter__bpf_sk_storage_map *ctx) {
  struct sock *sk = ctx->sk;
#endif
  struct socket_state *s = ctx->value;
  barrier_var(s);
  struct alibi_config *c = config();
  if (!sk || !s || !c) return 0;
  if (SOCK_READ(sk, sk_protocol) != IPPROTO_TCP) return 0;
  u8 state = SOCK_READ(sk, __sk_common.skc_state);
  if (s->role == ALIBI_ROLE_LISTENER || state == TCP_CLOSE || state == TCP_LISTEN) return 0;
  u64 now = bpf_ktime_get_boot_ns();
  bool is_told = s->flags & ALIBI_FLOW_ANNOUNCED;
  if (now - (is_told ? s->reported_ns : s->created_ns) <
      (is_told ? c->update_after_ns : c->open_after_ns))
    return 0;
  struct tcp_sock *tp = TCP_SOCK_OF(sk);
  if (!tp) return 0;
  u64 bytes = SOCK_READ(tp, bytes_sent) + SOCK_READ(tp, bytes_received);
  if (is_told && bytes == s->reported_bytes) return 0;
  s->flags |= ALIBI_FLOW_ANNOUNCED;
  s->reported_bytes = bytes;
  s->reported_ns = now;
  emit_flow(sk, s, is_told ? ALIBI_FLOW_UPDATE : ALIBI_FLOW_OPEN, state);
  return 0;
}

/* ------------------------------------------------------- users of a socket */

static __always_inline void emit_use(struct sock *sk, struct socket_state *s,
                                     struct alibi_process_key *user, u32 how) {
  struct alibi_socket_use r;
  __builtin_memset(&r, 0, sizeof(r));
  r.header.process = *user;
  r.creator = s->creator;
  fill_tuple(&r.tuple, sk);
  r.cookie = cookie_of(sk);
  r.net_ns = net_ns_of(sk);
  r.how = how;
  r.user_count = count_users(s);
  emit_network(&r, ALIBI_RECORD_SOCKET_USE, sizeof(r));
}

static __always_inline void count_use(struct alibi_socket_user *user, int length, u32 how) {
  if (length <= 0) return;
  if (how == ALIBI_HOW_SENT)
    __sync_fetch_and_add(&user->bytes_out, length);
  else
    __sync_fetch_and_add(&user->bytes_in, length);
}

#ifndef ALIBI_LEGACY
/* What nearly every call meets, once for each read and write of a program: used
 * by who used it first, who sent last too. */
static __always_inline bool is_used_as_before(struct sock *sk, struct socket_state *s, u32 how) {
  if (!s) return false;
  struct task_struct *task = current_task();
  u64 start = task->group_leader->start_boottime;
  u32 tgid = task->tgid;
  if (s->users[0].tgid != tgid || s->users[0].start_boot_ns != start) return false;
  if (how != ALIBI_HOW_SENT || sk->sk_protocol == IPPROTO_TCP) return true;
  return s->sender.tgid == tgid && s->sender.start_boot_ns == start && !(s->flags & ALIBI_FLOW_PRESUMED);
}
#else
#define is_used_as_before(sk, s, how) false
#endif

static __always_inline int used(struct sock *sk, int length, u32 how) {
  u16 family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6 && family != AF_PACKET) return 0;
  struct socket_state *s = find_state(sk);
  if (is_used_as_before(sk, s, how)) {
    count_use(&s->users[0], length, how);
    return 0;
  }
  struct alibi_process_key user;
  key_of_current(&user);
  if (!s) {
    s = make_state(sk);
    if (!s) {
      count_refused_state();
      return 0;
    }
    s->flags = ALIBI_FLOW_SNAPSHOT;
    s->created_ns = bpf_ktime_get_boot_ns();
    s->net_ns = net_ns_of(sk);
  }
  bool is_new;
  struct alibi_socket_user *slot = user_slot(s, &user, how, &is_new);
  if (slot) count_use(slot, length, how);
  bool is_tcp = sk->sk_protocol == IPPROTO_TCP;
  if (!is_tcp && how == ALIBI_HOW_SENT) {
    s->sender = user;
    s->flags &= ~ALIBI_FLOW_PRESUMED;
  }
  /* Of TCP the closing record names all users; others have no such record. The
   * creator's use goes without saying while nobody else uses the socket. */
  bool is_remarkable = !is_same(&user, &s->creator) || s->users[1].tgid;
  if (is_new && is_remarkable && (!is_tcp || (s->flags & ALIBI_FLOW_ANNOUNCED)))
    emit_use(sk, s, &user, how);
  return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(al_send, struct sock *sk, int ret) { return used(sk, ret, ALIBI_HOW_SENT); }

SEC("tp_btf/sock_recv_length")
int BPF_PROG(al_recv, struct sock *sk, int ret) { return used(sk, ret, ALIBI_HOW_RECEIVED); }

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(al_rcv_space, struct sock *sk) { return used(sk, 0, ALIBI_HOW_RECEIVED); }

SEC("tp_btf/net_dev_queue")
int BPF_PROG(al_dev_queue, struct sk_buff *skb) {
  struct sock *sk = skb->sk;
  return sk && sends_payload(sk, skb) ? used(sk, 0, ALIBI_HOW_SENT) : 0;
}

/* ----------------------------------------------- creation of other sockets */

static __always_inline void emit_socket(u64 cookie, u16 family, u16 type, u32 protocol) {
  struct alibi_socket r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of_current(&r.header.process);
  r.cookie = cookie;
  r.net_ns = BPF_CORE_READ(current_task(), nsproxy, net_ns, ns.inum);
  r.family = family;
  r.type = type;
  r.protocol = protocol;
  emit_network(&r, ALIBI_RECORD_SOCKET, sizeof(r));
}

SEC("cgroup/sock_create")
int al_create(struct bpf_sock *sk) {
#ifdef ALIBI_LEGACY
  u64 cookie = bpf_get_socket_cookie(sk); /* also of TCP: see cookie_of */
#endif
  if (sk->type == SOCK_STREAM) return 1; /* owner is taken at connect and listen */
  struct socket_state *s = make_datagram_state(sk, cookie);
  if (!s) {
    count_refused_state();
    return 1;
  }
  struct alibi_process_key creator;
  struct task_struct *task = (void *)bpf_get_current_task();
  key_of(&creator, task);
  s->creator = creator;
  s->created_ns = bpf_ktime_get_boot_ns();
  s->net_ns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
  if (sk->type == SOCK_RAW || sk->protocol == IPPROTO_ICMP || sk->protocol == IPPROTO_ICMPV6) {
    struct alibi_socket r;
    __builtin_memset(&r, 0, sizeof(r));
    r.header.process = creator;
    r.cookie = bpf_get_socket_cookie(sk);
    r.net_ns = s->net_ns;
    r.family = sk->family;
    r.type = sk->type;
    r.protocol = sk->protocol;
    emit_network(&r, ALIBI_RECORD_SOCKET, sizeof(r));
  }
  return 1;
}

SEC("cgroup/sock_release")
int al_release(struct bpf_sock *sk) {
#ifndef ALIBI_LEGACY
  if (sk->type == SOCK_STREAM) return 1;
#endif
  u64 cookie = bpf_get_socket_cookie(sk);
  struct socket_state *s = find_datagram_state(sk, cookie);
  if (s && (s->flags & ALIBI_FLOW_TALKED)) {
    struct alibi_socket_end r;
    __builtin_memset(&r, 0, sizeof(r));
    key_of(&r.header.process, (void *)bpf_get_current_task());
    r.cookie = cookie;
    emit_network(&r, ALIBI_RECORD_SOCKET_END, sizeof(r));
  }
  drop_datagram_state(cookie);
  return 1;
}

/* Whoever connects or sends on a socket it did not make is its sender from
 * the first packet on; sock_send_length comes only after the packet left. */
static __always_inline int sends(struct bpf_sock_addr *ctx, bool is_connect) {
#ifdef ALIBI_LEGACY
  u64 cookie = bpf_get_socket_cookie(ctx);
  /* Of TCP only who asks for names: packet() cannot find the state of TCP. */
  if (ctx->type == SOCK_STREAM && ctx->user_port != bpf_htons(DNS_PORT)) return 1;
#else
  if (ctx->type == SOCK_STREAM) return 1;
#endif
  struct bpf_sock *sk = ctx->sk;
  if (!sk) return 1;
  struct socket_state *s = make_datagram_state(sk, cookie);
  if (!s) {
    count_refused_state();
    return 1;
  }
  key_of(&s->sender, (void *)bpf_get_current_task());
  s->flags = is_connect ? s->flags | ALIBI_FLOW_PRESUMED : s->flags & ~ALIBI_FLOW_PRESUMED;
  return 1;
}

SEC("cgroup/connect4") int al_connect4(struct bpf_sock_addr *ctx) { return sends(ctx, true); }
SEC("cgroup/connect6") int al_connect6(struct bpf_sock_addr *ctx) { return sends(ctx, true); }
SEC("cgroup/sendmsg4") int al_sendmsg4(struct bpf_sock_addr *ctx) { return sends(ctx, false); }
SEC("cgroup/sendmsg6") int al_sendmsg6(struct bpf_sock_addr *ctx) { return sends(ctx, false); }

SEC("tp/syscalls/sys_exit_socket")
int al_socket(struct syscall_exit *ctx) {
  if (ctx->ret < 0) return 0;
  struct pt_regs *regs = user_registers();
  if (USER_REGISTER(regs, di) != AF_PACKET) return 0; /* inet sockets: cgroup/sock_create */
  emit_socket(0, AF_PACKET, BPF_CORE_READ(regs, si) & 0xf,
              bpf_ntohs((u16)BPF_CORE_READ(regs, dx)));
  return 0;
}

struct sockaddr_any { /* sockaddr_in and sockaddr_in6 share the first 4 bytes */
  u16 family;
  u16 port;
  u8 address4[4]; /* or flowinfo */
  u8 address6[16];
};

/* No route, no address, forbidden: such attempts end before SYN_SENT, or
 * without any state at all, and only the system call tells of them. */
SEC("tp/syscalls/sys_exit_connect")
int al_connect(struct syscall_exit *ctx) {
  enum { EINTR_ = 4, EALREADY_ = 114, EINPROGRESS_ = 115, EISCONN_ = 106 };
  long error = -ctx->ret;
  if (error <= 0 || error == EINPROGRESS_ || error == EALREADY_ || error == EINTR_ || error == EISCONN_)
    return 0;
  struct pt_regs *regs = user_registers();
  struct sockaddr_any address = {};
  bpf_probe_read_user(&address, 8, (void *)BPF_CORE_READ(regs, si));
  if (address.family != AF_INET && address.family != AF_INET6) return 0;
  if (address.family == AF_INET6)
    bpf_probe_read_user(&address, sizeof(address), (void *)BPF_CORE_READ(regs, si));

  struct task_struct *task = (void *)bpf_get_current_task();
  struct file **table = BPF_CORE_READ(task, files, fdt, fd);
  struct file *file = 0;
  u32 fd = BPF_CORE_READ(regs, di);
  bpf_probe_read_kernel(&file, sizeof(file), table + fd);
  struct socket *socket = BPF_CORE_READ(file, private_data);
  struct sock *sk = BPF_CORE_READ(socket, sk);

  struct alibi_connect_fail r;
  __builtin_memset(&r, 0, sizeof(r));
  key_of(&r.header.process, task);
  r.tuple.family = address.family;
  r.tuple.protocol = BPF_CORE_READ(sk, sk_protocol);
  r.tuple.remote_port = bpf_ntohs(address.port);
  if (address.family == AF_INET)
    __builtin_memcpy(r.tuple.remote, address.address4, 4);
  else
    __builtin_memcpy(r.tuple.remote, address.address6, 16);
  r.cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
  r.error = error;
  r.net_ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
  emit_network(&r, ALIBI_RECORD_CONNECT_FAIL, sizeof(r));
  return 0;
}

/* ------------------------------------------------------------ conversations */

/* Where packets are recorded, al_packet_out and al_packet_in do this too. */
static __always_inline int conversation(struct __sk_buff *skb, bool is_out) {
  if (is_other_tcp(skb, is_out)) return 1;
  struct bpf_sock *sk = skb->sk;
#ifdef ALIBI_LEGACY
  u64 cookie = bpf_get_socket_cookie(skb); /* also of accepted sockets: see cookie_of */
#endif
  if (!sk) return 1;
  sk = bpf_sk_fullsock(sk);
  if (!sk) return 1;
#ifdef ALIBI_LEGACY
  struct socket_state *s = find_datagram_state(sk, cookie);
#else
  struct socket_state *s = find_state(sk);
  u64 cookie = remembered_cookie(s, skb);
#endif
  converse(skb, s, cookie, is_out, bpf_ktime_get_boot_ns());
  return 1;
}

SEC("cgroup_skb/egress") int al_egress(struct __sk_buff *skb) { return conversation(skb, true); }
SEC("cgroup_skb/ingress") int al_ingress(struct __sk_buff *skb) { return conversation(skb, false); }
