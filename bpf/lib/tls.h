/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of TLS sessions and of calls that have begun, and how plain
 * text is sent on. Only for tls.bpf.c. */
#ifndef ALIBI_LIB_TLS_H
#define ALIBI_LIB_TLS_H

#include "lib/process_key.h"

#include "wire/alibi_tls.h"

enum {
  SMALL_BYTES = 1024, /* room for plain text in a record; */
  LARGE_BYTES = 4096, /* more than this is several records */
  PARTS_MAX = 24,
  HEAD_BYTES_MAX = 96 << 10, /* of HTTP/1 */
  CHUNK_BYTES = 8, /* looked at in one turn */
  FRAME_HEAD_BYTES = 9, /* RFC 9113, 4.1 */
  FRAME_BYTES_MAX = 1 << 20,
  PREFACE_BYTES = 24, /* RFC 9113, 3.4 */
  STEPS_MAX = 16384,
  WAKE_BYTES = 256 << 10,
};

enum { FRAME_HEADERS = 1, FRAME_SETTINGS = 4, FRAME_PUSH_PROMISE = 5, FRAME_CONTINUATION = 9 };

enum protocol { UNKNOWN = 0, HTTP_1 = 1, HTTP_2 = 2, NOTHING_TO_READ = 3 };

/* One direction of a session. */
struct way {
  u64 position; /* bytes told */
  u64 offset;   /* bytes passed */
  u32 skip;     /* HTTP/2: of the frame at hand, still to come; HTTP/1: of the head, so far */
  u32 before;   /* the last four bytes passed, the last one lowest */
  u8 protocol;
  u8 is_kept;    /* HTTP/2: the frame at hand is told */
  u8 is_in_head; /* HTTP/1 */
  u8 line_ends;  /* HTTP/1: without anything between them, up to now */
  u8 held_bytes; /* HTTP/2: of a frame head that came in pieces */
  u8 held[11];
};

struct session {
  struct way ways[2]; /* in, out */
  struct alibi_tuple tuple;
  u64 cookie;
  u64 number;
  u32 net_ns;
  u8 flags;   /* enum alibi_tls_flags */
  u8 library; /* enum alibi_tls_library */
  u16 reserved_0;
};

struct session_key {
  u64 start_boot_ns;
  u64 session;
  u64 tgid;
};

/* A call that has begun. */
struct call {
  u64 sp; /* of its frame: it returns with this plus 8; 0: none */
  u64 session;
  u64 buffer;
  u64 size_at; /* where it leaves the number of bytes; 0: it returns it */
  u64 cookie;  /* of the socket used meanwhile */
  struct alibi_tuple tuple;
  u32 net_ns;
  u8 is_out;
  u8 library;
  u8 is_several; /* sockets were used */
  u8 reserved_0;
};

struct thread {
  struct call calls[2]; /* TLS inside of TLS calls the library in the library */
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} al_ring_tls SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, u32);
  __type(value, struct alibi_tls_counters);
} al_tls_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct session_key);
  __type(value, struct session);
} al_tls_sessions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, u64);
  __type(value, struct thread);
} al_tls_threads SEC(".maps");

static const struct thread no_calls;
static const struct session no_session;

/* ------------------------------------------------------------------ sending */

struct job {
  struct session *session;
  struct way *way;
  u64 address; /* of the session */
  u64 from;    /* address of the bytes, in the process */
  u64 offset;  /* of the first of them in the plain text */
  u32 bytes;
  u8 is_out;
};

static __always_inline struct alibi_tls_counters *tls_counters(void) {
  u32 zero = 0;
  return bpf_map_lookup_elem(&al_tls_counters, &zero);
}

static __always_inline void count_unread(void) {
  struct alibi_tls_counters *c = tls_counters();
  if (c) __sync_fetch_and_add(&c->unread, 1);
}

static __always_inline void number_tls(struct alibi_header *h, u16 kind, u32 size) {
  struct alibi_tls_counters *c = tls_counters();
  h->seq = c ? __sync_fetch_and_add(&c->attempts, 1) : 0;
  h->boot_ns = bpf_ktime_get_boot_ns();
  h->size = size;
  h->kind = kind;
  h->cpu = bpf_get_smp_processor_id();
  key_of_current(&h->process);
}

static __always_inline struct alibi_tls *begin_record(const struct job *j, u32 captured, u32 room) {
  struct alibi_tls *r = bpf_ringbuf_reserve(&al_ring_tls, sizeof(*r) + room, 0);
  if (!r) {
    struct alibi_tls_counters *c = tls_counters();
    if (c) __sync_fetch_and_add(&c->lost, 1);
    return 0;
  }
  number_tls(&r->header, ALIBI_RECORD_TLS, sizeof(*r) + captured);
  r->tuple = j->session->tuple;
  r->cookie = j->session->cookie;
  r->session = j->address;
  r->number = j->session->number;
  r->position = j->way->position;
  r->offset = j->offset;
  r->net_ns = j->session->net_ns;
  r->captured_bytes = captured;
  *(u32 *)r->before = __builtin_bswap32(j->way->before);
  r->is_out = j->is_out;
  r->library = j->session->library;
  r->flags = j->session->flags;
  r->reserved_0 = 0;
  return r;
}

static __always_inline void submit(void *record) {
  bpf_ringbuf_submit(record, bpf_ringbuf_query(&al_ring_tls, BPF_RB_AVAIL_DATA) > WAKE_BYTES
                                 ? BPF_RB_FORCE_WAKEUP
                                 : BPF_RB_NO_WAKEUP);
}

static __always_inline void tell_part(const struct job *j, u64 n, const u32 room) {
  struct alibi_tls *r = begin_record(j, n, room);
  if (!r) return;
  n--;
  barrier_var(n);
  if (n >= room || bpf_probe_read_user(r + 1, n + 1, (void *)j->from)) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    count_unread();
    return;
  }
  submit(r);
}

static long tell_turn(u32 turn, struct job *j) {
  u32 n = j->bytes < LARGE_BYTES ? j->bytes : LARGE_BYTES;
  if (n == 0) return 1;
  if (n <= SMALL_BYTES)
    tell_part(j, n, SMALL_BYTES);
  else
    tell_part(j, n, LARGE_BYTES);
  j->way->position += n;
  j->from += n;
  j->offset += n;
  j->bytes -= n;
  return 0;
}

/* Bytes of the process. What is lost leaves a hole in the positions. */
static __noinline int tell(struct job *j) {
  bpf_loop(PARTS_MAX, tell_turn, j, 0);
  if (!j->bytes) return 0;
  j->way->position += j->bytes;
  count_unread();
  return 0;
}

#endif
