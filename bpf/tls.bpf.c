// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Heads of HTTP requests and responses as programs hand them to OpenSSL and
// GnuTLS: before encryption, after decryption. Loaded only when asked for.
//
// Probes at the entry and the return of the libraries' functions (uprobes; the
// recorder attaches them to files). Plain text is looked at when a call returns:
// then it is known how much was taken or given. HTTP/1: from what looks like a
// head to its empty line. HTTP/2: frames that carry heads or settings; others are
// passed over by their length. Nothing else is sent on, so bodies stay where they are.
//
// The connection of a session is the TCP socket on which the calling thread
// itself sends or receives inside of such a call (tp_btf/sock_send_length
// since 6.3, net_dev_queue before). A library that works on memory has none, and gets none.
//
// bpf_loop: since 5.17. The ring, its counters and its tables are this file's own.

#include "kernel_types.h"

#include "lib/http.h"
#include "lib/socket.h"
#include "lib/tls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ------------------------------------------------------------------- HTTP/1 */

struct scan {
  u64 buffer;
  u32 bytes;
  u32 at;
  u32 line_ends;
  u32 is_found;
};

/* 1 or 0, without a jump: each would be one more path for the verifier. */
#define IS_EQUAL(a, b) (((u32)((a) ^ (b)) - 1) >> 31)

/* A head ends with an empty line; CR does not count, as with lenient servers.
 * Another head may follow at once (pipelining). */
static long scan_head(u32 turn, struct scan *s) {
  u8 chunk[CHUNK_BYTES] = {};
  if (s->is_found) {
    if (s->at + 4 > s->bytes || bpf_probe_read_user(chunk, 4, (void *)s->buffer + s->at) || !is_http_head(chunk))
      return 1;
    s->is_found = 0;
    s->line_ends = 0;
  }
  u32 at = s->at;
  if (at >= s->bytes) return 1;
  u32 n = s->bytes - at;
  if (n > CHUNK_BYTES) n = CHUNK_BYTES;
  barrier_var(n);
  if (n == 0 || n > CHUNK_BYTES) return 1;
  if (bpf_probe_read_user(chunk, n, (void *)s->buffer + at)) {
    count_unread();
    return 1;
  }
  u32 line_ends = s->line_ends & 1;
  u32 end = 0, is_over = 0;
#pragma unroll
  for (u32 i = 0; i < CHUNK_BYTES; i++) {
    u32 is_line_end = IS_EQUAL(chunk[i], '\n');
    u32 is_end = is_line_end & line_ends & ~is_over;
    u32 is_there = (i - n) >> 31;
    end |= is_end * (i + 1);
    is_over |= is_end;
    u32 now = is_line_end | (line_ends & IS_EQUAL(chunk[i], '\r'));
    line_ends = (now & is_there) | (line_ends & ~is_there);
    barrier_var(line_ends);
    barrier_var(is_over);
    barrier_var(end);
  }
  s->line_ends = line_ends;
  s->is_found = is_over;
  s->at = at + (is_over ? end : n);
  return 0;
}

static __always_inline void note_last_bytes(struct way *w, u64 buffer, u32 bytes) {
  u8 last[4];
  if (bytes >= sizeof(last)) {
    if (!bpf_probe_read_user(last, sizeof(last), (void *)buffer + bytes - sizeof(last))) w->before = word_at(last);
    return;
  }
  for (u32 i = 0; i < sizeof(last); i++) {
    if (i < bytes && !bpf_probe_read_user(last, 1, (void *)buffer + i)) w->before = w->before << 8 | last[0];
  }
}

static __always_inline void pass_http1(struct job *j, u64 buffer, u32 bytes, bool begins) {
  struct way *w = j->way;
  if (!w->is_in_head) {
    if (!begins) return;
    w->is_in_head = 1;
    w->line_ends = 0;
    w->skip = 0;
  }
  struct scan s = {.buffer = buffer, .bytes = bytes, .line_ends = w->line_ends};
  bpf_loop(STEPS_MAX, scan_head, &s, 0);
  w->line_ends = s.line_ends;
  w->is_in_head = !s.is_found;
  w->skip += s.at;
  if (w->skip > HEAD_BYTES_MAX) { /* no head ever was so long */
    w->is_in_head = 0;
    w->protocol = NOTHING_TO_READ;
    count_unread();
  }
  j->from = buffer;
  j->offset = w->offset;
  j->bytes = s.at;
  tell(j);
}

/* ------------------------------------------------------------------- HTTP/2 */

struct walk {
  struct job job;
  u64 buffer;
  u32 bytes;
  u32 at;
  u32 run; /* what is to be told and was not: from here up to `at` */
};

static __always_inline void begin_frame(struct way *w, const u8 *head) {
  u32 length = (u32)head[0] << 16 | (u32)head[1] << 8 | head[2];
  u8 type = head[3];
  w->is_kept = type == FRAME_HEADERS || type == FRAME_SETTINGS || type == FRAME_PUSH_PROMISE ||
               type == FRAME_CONTINUATION;
  w->skip = length;
  if (length <= FRAME_BYTES_MAX) return;
  w->protocol = NOTHING_TO_READ;
  count_unread();
}

static __noinline int flush_run(struct walk *k, u32 end) {
  if (k->run >= end) return 0;
  k->job.from = k->buffer + k->run;
  k->job.offset = k->job.way->offset + k->run;
  k->job.bytes = end - k->run;
  return tell(&k->job);
}

static __always_inline void tell_held(struct job *j) {
  struct alibi_tls *r = begin_record(j, FRAME_HEAD_BYTES, 16);
  if (r) {
    __builtin_memcpy(r + 1, j->way->held, FRAME_HEAD_BYTES);
    submit(r);
  }
  j->way->position += FRAME_HEAD_BYTES;
}

/* The head of a frame, one byte of it, or all the rest of a frame. */
static long walk_frame(u32 turn, struct walk *k) {
  struct way *w = k->job.way;
  u8 head[FRAME_HEAD_BYTES];
  u32 at = k->at;
  if (at >= k->bytes || w->protocol != HTTP_2) return 1;
  u32 left = k->bytes - at;
  if (w->skip) {
    u32 n = left < w->skip ? left : w->skip;
    w->skip -= n;
    k->at = at + n;
    if (!w->is_kept) k->run = k->at;
    return 0;
  }
  if (w->held_bytes == 0 && left >= FRAME_HEAD_BYTES) {
    if (bpf_probe_read_user(head, FRAME_HEAD_BYTES, (void *)k->buffer + at)) return 1;
    begin_frame(w, head);
    k->at = at + FRAME_HEAD_BYTES;
    if (!w->is_kept) {
      flush_run(k, at);
      k->run = k->at;
    }
    return 0;
  }
  if (w->held_bytes == 0) flush_run(k, at);
  u32 place = w->held_bytes;
  if (place >= FRAME_HEAD_BYTES || bpf_probe_read_user(head, 1, (void *)k->buffer + at)) return 1;
  w->held[place] = head[0];
  w->held_bytes = place + 1;
  k->at = k->run = at + 1;
  if (w->held_bytes < FRAME_HEAD_BYTES) return 0;
  w->held_bytes = 0;
  begin_frame(w, w->held);
  if (w->is_kept) tell_held(&k->job);
  return 0;
}

static __always_inline void pass_http2(const struct job *j, u64 buffer, u32 bytes) {
  struct walk k = {.job = *j, .buffer = buffer, .bytes = bytes};
  bpf_loop(STEPS_MAX, walk_frame, &k, 0);
  flush_run(&k, k.at);
  if (k.at >= bytes || j->way->protocol != HTTP_2) return;
  j->way->protocol = NOTHING_TO_READ; /* too many frames at once, or memory that is not there */
  count_unread();
}

/* ------------------------------------------------------------ a call's bytes */

static __always_inline bool is_first_settings(const u8 *b) {
  u32 length = (u32)b[0] << 16 | (u32)b[1] << 8 | b[2];
  return b[3] == FRAME_SETTINGS && b[4] == 0 && !b[5] && !b[6] && !b[7] && !b[8] && length < 256 && length % 6 == 0;
}

/* Any frame of known type that ends within the call, or with it. */
static __always_inline bool is_like_frame(const u8 *b, u32 bytes) {
  u32 length = (u32)b[0] << 16 | (u32)b[1] << 8 | b[2];
  return b[3] <= FRAME_CONTINUATION && !(b[5] & 0x80) && length + FRAME_HEAD_BYTES <= bytes;
}

static __always_inline void recognise(struct job *j, const u8 *b, u32 bytes, bool is_head) {
  struct session *s = j->session;
  struct way *w = j->way;
  bool is_start = (s->flags & ALIBI_TLS_BEGAN) && w->offset == 0;
  if (is_head && word_at(b) == HTTP2_PREFACE_WORD) {
    w->protocol = HTTP_2;
    w->skip = PREFACE_BYTES;
    w->is_kept = 1;
    s->flags |= ALIBI_TLS_BEGAN;
  } else if (is_head) {
    w->protocol = HTTP_1;
  } else if (is_start && (s->ways[!j->is_out].protocol == HTTP_2 ||
                          (bytes >= FRAME_HEAD_BYTES && is_first_settings(b)))) {
    w->protocol = HTTP_2;
  } else if (!(s->flags & ALIBI_TLS_BEGAN) && bytes >= FRAME_HEAD_BYTES && is_like_frame(b, bytes)) {
    s->flags |= ALIBI_TLS_UNREADABLE;
    s->ways[0].protocol = s->ways[1].protocol = NOTHING_TO_READ;
    j->offset = w->offset;
    struct alibi_tls *r = begin_record(j, 0, 0);
    if (r) submit(r);
  }
}

static __always_inline void pass(struct job *j, u64 buffer, u32 bytes) {
  struct way *w = j->way;
  u8 b[FRAME_HEAD_BYTES] = {};
  if (bytes >= FRAME_HEAD_BYTES)
    bpf_probe_read_user(b, sizeof(b), (void *)buffer);
  else if (bytes >= 4)
    bpf_probe_read_user(b, 4, (void *)buffer);
  bool is_head = is_http_head(b);
  if (w->protocol == UNKNOWN) recognise(j, b, bytes, is_head);
  if (w->protocol == HTTP_1) {
    pass_http1(j, buffer, bytes, is_head);
    note_last_bytes(w, buffer, bytes);
  } else if (w->protocol == HTTP_2) {
    pass_http2(j, buffer, bytes);
  }
  w->offset += bytes;
}

/* -------------------------------------------------------------------- calls */

/* Registers at a probe: x86_64, arch/x86/include/uapi/asm/ptrace.h. */
struct registers {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

static __always_inline void key_of_session(struct session_key *key, u64 session) {
  struct alibi_process_key process;
  key_of_current(&process);
  key->start_boot_ns = process.start_boot_ns;
  key->tgid = process.tgid;
  key->session = session;
}

static __always_inline int begin_session(u64 session, u8 library, bool is_anew) {
  if (!session) return 0;
  struct session_key key;
  key_of_session(&key, session);
  struct session *s = bpf_map_lookup_elem(&al_tls_sessions, &key);
  if (!s || is_anew) {
    bpf_map_update_elem(&al_tls_sessions, &key, &no_session, BPF_ANY);
    s = bpf_map_lookup_elem(&al_tls_sessions, &key);
    if (!s) return 0;
    s->number = bpf_ktime_get_boot_ns();
    s->flags = ALIBI_TLS_BEGAN;
    s->library = library;
  }
  return 0;
}

static __always_inline int end_session(u64 session) {
  struct session_key key;
  key_of_session(&key, session);
  struct session *s = bpf_map_lookup_elem(&al_tls_sessions, &key);
  if (!s) return 0;
  bool was_told = s->ways[0].position || s->ways[1].position;
  bpf_map_delete_elem(&al_tls_sessions, &key);
  if (!was_told) return 0;
  struct alibi_tls_end *r = bpf_ringbuf_reserve(&al_ring_tls, sizeof(*r), 0);
  if (!r) return 0; /* the recorder forgets it when the process ends, or when it has too many */
  number_tls(&r->header, ALIBI_RECORD_TLS_END, sizeof(*r));
  r->session = session;
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  return 0;
}

static __always_inline int enter(struct registers *regs, u64 size_at, u8 is_out, u8 library) {
  u64 id = bpf_get_current_pid_tgid();
  struct thread *t = bpf_map_lookup_elem(&al_tls_threads, &id);
  if (!t) {
    bpf_map_update_elem(&al_tls_threads, &id, &no_calls, BPF_ANY);
    t = bpf_map_lookup_elem(&al_tls_threads, &id);
    if (!t) {
      count_unread();
      return 0;
    }
  }
  /* The stack grows down. A frame at or below this one is over: its return was not seen. */
  bool is_inner = t->calls[0].sp > regs->sp;
  struct call *c = is_inner ? &t->calls[1] : &t->calls[0];
  if (!is_inner) t->calls[1].sp = 0;
  c->sp = regs->sp;
  c->session = regs->di;
  c->buffer = regs->si;
  c->size_at = size_at;
  c->cookie = 0;
  c->is_out = is_out;
  c->library = library;
  c->is_several = 0;
  return 0;
}

static __always_inline void take_socket(struct session *s, const struct call *c) {
  if (!c->cookie || (s->flags & ALIBI_TLS_SEVERAL)) return;
  if (c->is_several || (s->cookie && s->cookie != c->cookie)) {
    s->flags |= ALIBI_TLS_SEVERAL;
    s->cookie = 0;
    s->net_ns = 0;
    __builtin_memset(&s->tuple, 0, sizeof(s->tuple));
    return;
  }
  if (s->cookie) return;
  s->tuple = c->tuple;
  s->cookie = c->cookie;
  s->net_ns = c->net_ns;
}

static __always_inline struct session *session_of(const struct call *c) {
  struct session_key key;
  key_of_session(&key, c->session);
  struct session *s = bpf_map_lookup_elem(&al_tls_sessions, &key);
  if (s) return s;
  bpf_map_update_elem(&al_tls_sessions, &key, &no_session, BPF_NOEXIST);
  s = bpf_map_lookup_elem(&al_tls_sessions, &key);
  if (!s) return 0;
  s->number = bpf_ktime_get_boot_ns();
  s->library = c->library;
  return s;
}

static __always_inline int leave(struct registers *regs) {
  u64 id = bpf_get_current_pid_tgid();
  struct thread *t = bpf_map_lookup_elem(&al_tls_threads, &id);
  if (!t) return 0;
  u64 sp = regs->sp - 8;
  struct call *c = t->calls[1].sp == sp ? &t->calls[1] : &t->calls[0];
  if (c->sp != sp) return 0;
  c->sp = 0;
  __s64 given = (s32)regs->ax;
  if (c->library == ALIBI_TLS_GNUTLS) given = (__s64)regs->ax;
  if (c->size_at) {
    u64 size = 0;
    if (given != 1 || bpf_probe_read_user(&size, sizeof(size), (void *)c->size_at)) return 0;
    given = size;
  }
  if (given <= 0) return 0;
  struct session *s = session_of(c);
  if (!s) {
    count_unread();
    return 0;
  }
  take_socket(s, c);
  u32 bytes = given < 0x40000000 ? given : 0x40000000;
  struct job j = {.session = s, .address = c->session, .is_out = c->is_out};
  j.way = c->is_out ? &s->ways[1] : &s->ways[0];
  if (c->buffer) {
    pass(&j, c->buffer, bytes);
  } else { /* GnuTLS goes on with bytes it was given before */
    j.way->offset += bytes;
    count_unread();
  }
  return 0;
}

SEC("uprobe") int al_ssl_write(struct registers *regs) { return enter(regs, 0, 1, ALIBI_TLS_OPENSSL); }
SEC("uprobe") int al_ssl_write_ex(struct registers *regs) { return enter(regs, regs->cx, 1, ALIBI_TLS_OPENSSL); }
SEC("uprobe") int al_ssl_read(struct registers *regs) { return enter(regs, 0, 0, ALIBI_TLS_OPENSSL); }
SEC("uprobe") int al_ssl_read_ex(struct registers *regs) { return enter(regs, regs->cx, 0, ALIBI_TLS_OPENSSL); }
SEC("uprobe") int al_gnutls_send(struct registers *regs) { return enter(regs, 0, 1, ALIBI_TLS_GNUTLS); }
SEC("uprobe") int al_gnutls_recv(struct registers *regs) { return enter(regs, 0, 0, ALIBI_TLS_GNUTLS); }
SEC("uretprobe") int al_tls_return(struct registers *regs) { return leave(regs); }

SEC("uretprobe") int al_ssl_new(struct registers *regs) { return begin_session(regs->ax, ALIBI_TLS_OPENSSL, true); }
SEC("uprobe") int al_ssl_clear(struct registers *regs) { return begin_session(regs->di, ALIBI_TLS_OPENSSL, true); }
SEC("uprobe") int al_gnutls_begin(struct registers *regs) { return begin_session(regs->di, ALIBI_TLS_GNUTLS, false); }
SEC("uprobe") int al_tls_free(struct registers *regs) { return end_session(regs->di); }

/* ------------------------------------------------------------------ sockets */

static __always_inline int used(struct sock *sk) {
  u64 id = bpf_get_current_pid_tgid();
  struct thread *t = bpf_map_lookup_elem(&al_tls_threads, &id);
  if (!t) return 0;
  struct call *c = t->calls[1].sp ? &t->calls[1] : &t->calls[0];
  if (!c->sp) return 0;
  u16 family = sk->__sk_common.skc_family;
  if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP) return 0;
  u64 cookie = bpf_get_socket_cookie(sk);
  if (c->cookie) {
    c->is_several |= c->cookie != cookie;
    return 0;
  }
  __builtin_memset(&c->tuple, 0, sizeof(c->tuple));
  fill_tuple(&c->tuple, sk);
  c->net_ns = net_ns_of(sk);
  c->cookie = cookie;
  return 0;
}

SEC("tp_btf/sock_send_length") int BPF_PROG(al_tls_send, struct sock *sk) { return used(sk); }
SEC("tp_btf/sock_recv_length") int BPF_PROG(al_tls_recv, struct sock *sk) { return used(sk); }

/* Kernels before 6.3, as in socket.bpf.c. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(al_tls_queue, struct sk_buff *skb) {
  struct sock *sk = skb->sk;
  return sk && sends_payload(sk, skb) ? used(sk) : 0;
}
SEC("tp_btf/tcp_rcv_space_adjust") int BPF_PROG(al_tls_rcv_space, struct sock *sk) { return used(sk); }
