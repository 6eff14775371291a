/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of bpf/tls.bpf.c, which has a ring and counters of its own: they end
 * with the recorder that made them, and no other one ever reads them.
 */
#ifndef ALIBI_TLS_H
#define ALIBI_TLS_H

#include "wire/alibi_event.h"

enum alibi_tls_record_kind { /* header.kind; none of enum alibi_record_kind */
  ALIBI_RECORD_TLS = 32,
  ALIBI_RECORD_TLS_END = 33,
};

enum alibi_tls_library {
  ALIBI_TLS_OPENSSL = 1,
  ALIBI_TLS_GNUTLS = 2,
};

enum alibi_tls_flags {
  ALIBI_TLS_BEGAN = 1,      /* the session was seen from its beginning */
  ALIBI_TLS_UNREADABLE = 2, /* HTTP/2 from its middle: no bytes, and none will follow */
  ALIBI_TLS_SEVERAL = 4,    /* its calls used several sockets: none is named */
};

/* Part of a request or response head that header.process gave to its TLS library
 * or got from it. The tuple is that of the TCP socket the calling thread itself
 * used inside of a call for this session; family 0: none was seen, or several.
 * Followed by captured_bytes and unused space up to the end of the record. */
struct alibi_tls {
  struct alibi_header header;
  struct alibi_tuple tuple;
  __u64 cookie;
  __u64 session;  /* address of the library's object, in the process */
  __u64 number;   /* of this session at this address; a new one begins another */
  __u64 position; /* bytes of this direction that were told before these */
  __u64 offset;   /* bytes of this direction that passed before these, bodies included */
  __u32 net_ns;
  __u32 captured_bytes;
  __u8 before[4]; /* the last bytes that passed before these */
  __u8 is_out;
  __u8 library;   /* enum alibi_tls_library */
  __u8 flags;     /* enum alibi_tls_flags */
  __u8 reserved_0;
};
ALIBI_WIRE_TYPE(struct alibi_tls, 40 + 40 + 40 + 8 + 8);

struct alibi_tls_end { /* the session at this address is over */
  struct alibi_header header;
  __u64 session;
};
ALIBI_WIRE_TYPE(struct alibi_tls_end, 48);

struct alibi_tls_counters { /* per CPU */
  __u64 attempts; /* the next seq */
  __u64 lost;     /* ring full */
  __u64 unread;   /* plain text that could not be read, or was too much in one call */
};
ALIBI_WIRE_TYPE(struct alibi_tls_counters, 24);

#endif
