/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an HTTP head begins with. */
#ifndef ALIBI_HTTP_H
#define ALIBI_HTTP_H

#include "lib/kernel.h"

static __always_inline u32 word_at(const u8 *b) { return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3]; }

enum { HTTP2_PREFACE_WORD = 0x50524920 }; /* "PRI " */

static __always_inline bool is_http_head(const u8 *b) {
  switch (word_at(b)) {
    case 0x47455420: /* "GET " */
    case 0x504f5354: /* "POST" */
    case 0x50555420: /* "PUT " */
    case 0x48454144: /* "HEAD" */
    case 0x44454c45: /* "DELE" */
    case 0x4f505449: /* "OPTI" */
    case 0x50415443: /* "PATC" */
    case 0x434f4e4e: /* "CONN" */
    case 0x54524143: /* "TRAC" */
    case 0x50524f50: /* "PROP" */
    case HTTP2_PREFACE_WORD:
    case 0x48545450: /* "HTTP" */
      return true;
  }
  return false;
}

#endif
