/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet marks: their bytes, read and written (docs/marking.md, sections 1-5).
 *
 * C11 and C++20; compiled for the BPF target and for the host from this one
 * copy, so that sender, gate and user space cannot disagree. Numbers on the
 * wire are big-endian, in the structures of host order. Every parser takes a
 * buffer of ALIBI_MARK_BUFFER_BYTES (what there is, zeros behind), never reads
 * outside of it whatever stands in it, and always gives an answer.
 *
 * The BPF verifier is why an index is masked where it is used, and why the walk
 * keeps its state in the mark, which in BPF must lie in a map: there it forgets
 * values instead of following each of the many ways through a list of options.
 */
#ifndef ALIBI_MARK_H
#define ALIBI_MARK_H

#include "wire/alibi_wire.h"

enum alibi_mark_limits {
  ALIBI_MARK_TCP_KIND = 253, /* RFC 4727 */
  ALIBI_MARK_UDP_KIND = 127, /* UEXP, RFC 9868 */
  ALIBI_MARK_EXID_HIGH = 0x4d,
  ALIBI_MARK_EXID_LOW = 0x4b,
  ALIBI_MARK_DIAGNOSES_MAX = 6,
  ALIBI_MARK_DIAGNOSES_MAX_V2 = 5,
  ALIBI_MARK_DIAGNOSIS_BYTES = 6,
  ALIBI_MARK_V1_HEAD_BYTES = 3,
  ALIBI_MARK_V2_HEAD_BYTES = 6,
  ALIBI_MARK_UDP_V1_HEAD_BYTES = 5,
  ALIBI_MARK_TAG_BYTES = 4,
  ALIBI_MARK_OPTIONS_BYTES_MAX = 40, /* of TCP */
  ALIBI_MARK_SURPLUS_BYTES_MAX = 64, /* of UDP; a longer surplus area is not one of ours */
  ALIBI_MARK_BUFFER_BYTES = 64,
  ALIBI_MARK_WINDOW_SECONDS = 64,
  ALIBI_MARK_KEYS_MAX = 16,
  ALIBI_MARK_KEY_BYTES = 16,
};

enum alibi_mark_category {
  ALIBI_MARK_MALWARE = 1,
  ALIBI_MARK_LEAK = 2,
  ALIBI_MARK_REMOTE_CONTROL = 3,
  ALIBI_MARK_SCAN = 4,
  ALIBI_MARK_SPAM = 5,
  ALIBI_MARK_FLOOD = 6,
  ALIBI_MARK_ANONYMISER = 7,
  ALIBI_MARK_FILE_SHARING = 8,
  ALIBI_MARK_OUTDATED = 9,
  ALIBI_MARK_POLICY = 10,
  ALIBI_MARK_LOCAL_FIRST = 128,
  ALIBI_MARK_LOCAL_LAST = 255,
};

enum alibi_mark_form {
  ALIBI_MARK_ABSENT = 0,
  ALIBI_MARK_V1 = 1,
  ALIBI_MARK_V2 = 2,
  ALIBI_MARK_MALFORMED = 3,
};

struct alibi_diagnosis {
  __u32 time_s; /* since 1970, UTC */
  __u8 category;
  __u8 code;
  __u16 reserved_0;
};
ALIBI_WIRE_TYPE(struct alibi_diagnosis, 8);

struct alibi_mark {
  struct alibi_diagnosis diagnoses[ALIBI_MARK_DIAGNOSES_MAX];
  __u32 tag;   /* version 2, else 0 */
  __u8 form;   /* enum alibi_mark_form; unless V1 or V2, count is 0 */
  __u8 count;  /* of diagnoses */
  __u8 key;    /* its number, version 2 */
  __u8 at;     /* of the option's kind byte in the buffer */
  __u8 bytes;  /* of the option as far as it lies in the buffer; 0: none found */
  __u8 walk;   /* where the parser stands */
  __u16 reserved_0;
};
ALIBI_WIRE_TYPE(struct alibi_mark, 48 + 4 + 8);

#ifdef __bpf__
#define ALIBI_MARK_INLINE static __attribute__((always_inline)) inline
#define ALIBI_MARK_MASK(i) asm volatile("%0 &= 63" : "+r"(i))
#define ALIBI_MARK_UNROLL _Pragma("unroll")
#else
#define ALIBI_MARK_INLINE static inline
#define ALIBI_MARK_MASK(i) ((i) &= ALIBI_MARK_BUFFER_BYTES - 1)
#define ALIBI_MARK_UNROLL
#endif

ALIBI_MARK_INLINE __u8 alibi_mark_byte(const __u8 *buffer, __u64 i) {
  ALIBI_MARK_MASK(i);
  return buffer[i];
}

/* The one option of `kind` in buffer[from..end): sets at and bytes of a cleared
 * mark, and MALFORMED where there are two, or one that leaves the list. A list that
 * breaks off ends there, as receivers see it (RFC 9293, 3.1; RFC 9868, 10). */
ALIBI_MARK_INLINE void alibi_mark_find(const __u8 *buffer, __u32 from, __u32 end, __u8 kind,
                                       struct alibi_mark *mark) {
  volatile struct alibi_mark *state = mark;
  if (end > ALIBI_MARK_BUFFER_BYTES) end = ALIBI_MARK_BUFFER_BYTES;
  state->walk = (__u8)from;
  for (int steps = 0; steps < ALIBI_MARK_BUFFER_BYTES; steps++) {
    __u64 i = state->walk;
    if (i >= end) break;
    __u8 here = alibi_mark_byte(buffer, i);
    if (here == 0) break;
    if (here == 1) {
      state->walk = (__u8)(i + 1);
      continue;
    }
    __u8 length = i + 1 < end ? alibi_mark_byte(buffer, i + 1) : 0;
    int is_broken = length < 2 || i + length > end;
    if (here == kind) {
      if (state->bytes || is_broken || length < 4) {
        state->form = ALIBI_MARK_MALFORMED;
        if (state->bytes) break;
      }
      state->at = (__u8)i;
      state->bytes = is_broken ? (__u8)(end - i) : length;
    }
    if (is_broken) break;
    state->walk = (__u8)(i + length);
  }
}

ALIBI_MARK_INLINE __u32 alibi_mark_load32(const __u8 *buffer, __u64 i) {
  return (__u32)alibi_mark_byte(buffer, i) << 24 | (__u32)alibi_mark_byte(buffer, i + 1) << 16 |
         (__u32)alibi_mark_byte(buffer, i + 2) << 8 | alibi_mark_byte(buffer, i + 3);
}

ALIBI_MARK_INLINE void alibi_mark_read_diagnoses(const __u8 *buffer, __u64 from, __u32 count,
                                                 struct alibi_mark *mark) {
  for (__u32 k = 0; k < ALIBI_MARK_DIAGNOSES_MAX && k < count; k++) {
    __u64 i = from + k * ALIBI_MARK_DIAGNOSIS_BYTES;
    mark->diagnoses[k].time_s = alibi_mark_load32(buffer, i);
    mark->diagnoses[k].category = alibi_mark_byte(buffer, i + 4);
    mark->diagnoses[k].code = alibi_mark_byte(buffer, i + 5);
  }
  mark->count = (__u8)count;
}

/* Version 2, which has the same form in TCP and in UDP. False: it is not. */
ALIBI_MARK_INLINE int alibi_mark_read_v2(const __u8 *buffer, struct alibi_mark *mark) {
  __u64 at = mark->at;
  __u32 bytes = mark->bytes;
  __u8 version_key = alibi_mark_byte(buffer, at + 4);
  __u32 count = alibi_mark_byte(buffer, at + 5);
  if (version_key >> 4 != 2 || count < 1 || count > ALIBI_MARK_DIAGNOSES_MAX_V2) return 0;
  if (bytes != ALIBI_MARK_V2_HEAD_BYTES + count * ALIBI_MARK_DIAGNOSIS_BYTES + ALIBI_MARK_TAG_BYTES)
    return 0;
  alibi_mark_read_diagnoses(buffer, at + ALIBI_MARK_V2_HEAD_BYTES, count, mark);
  mark->key = version_key & 15;
  mark->tag = alibi_mark_load32(buffer, at + bytes - ALIBI_MARK_TAG_BYTES);
  mark->form = ALIBI_MARK_V2;
  return 1;
}

ALIBI_MARK_INLINE int alibi_mark_read_v1(const __u8 *buffer, __u32 head_bytes,
                                         struct alibi_mark *mark) {
  __u64 at = mark->at;
  __u32 count = alibi_mark_byte(buffer, at + head_bytes - 1);
  if (count < 1 || count > ALIBI_MARK_DIAGNOSES_MAX) return 0;
  if (mark->bytes != head_bytes + count * ALIBI_MARK_DIAGNOSIS_BYTES) return 0;
  alibi_mark_read_diagnoses(buffer, at + head_bytes, count, mark);
  mark->form = ALIBI_MARK_V1;
  return 1;
}

ALIBI_MARK_INLINE int alibi_mark_has_exid(const __u8 *buffer, __u64 at) {
  return alibi_mark_byte(buffer, at + 2) == ALIBI_MARK_EXID_HIGH &&
         alibi_mark_byte(buffer, at + 3) == ALIBI_MARK_EXID_LOW;
}

ALIBI_MARK_INLINE void alibi_mark_clear(struct alibi_mark *mark) {
  __builtin_memset(mark, 0, sizeof(*mark));
}

/* `buffer` holds the `bytes` (0 to 40) of TCP options. */
ALIBI_MARK_INLINE void alibi_mark_parse_tcp(const __u8 *buffer, __u32 bytes,
                                            struct alibi_mark *mark) {
  alibi_mark_clear(mark);
  if (bytes > ALIBI_MARK_OPTIONS_BYTES_MAX) bytes = ALIBI_MARK_OPTIONS_BYTES_MAX;
  alibi_mark_find(buffer, 0, bytes, ALIBI_MARK_TCP_KIND, mark);
  if (!mark->bytes || mark->form == ALIBI_MARK_MALFORMED) return;
  int is_read = alibi_mark_has_exid(buffer, mark->at)
                    ? alibi_mark_read_v2(buffer, mark)
                    : alibi_mark_read_v1(buffer, ALIBI_MARK_V1_HEAD_BYTES, mark);
  if (!is_read) mark->form = ALIBI_MARK_MALFORMED;
}

ALIBI_MARK_INLINE __u32 alibi_mark_fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

/* Sum of the surplus area and its length (RFC 9868, 9): 0xffff when the option
 * checksum in it is right. The area begins at buffer[0]; with `is_odd` its first
 * byte is the pad, which the sum leaves out so that words stay aligned. */
ALIBI_MARK_INLINE __u32 alibi_mark_surplus_sum(const __u8 *buffer, __u32 bytes, __u32 is_odd) {
  __u32 sum = bytes;
  for (__u32 i = 0; i < ALIBI_MARK_BUFFER_BYTES; i++)
    sum += (__u32)alibi_mark_byte(buffer, i) << (((i ^ is_odd) & 1) ? 0 : 8);
  return alibi_mark_fold(sum);
}

/* `buffer` holds all `bytes` behind the payload of a datagram, whose UDP length
 * is odd or not. A UEXP option of somebody else's is no mark. */
ALIBI_MARK_INLINE void alibi_mark_parse_udp(const __u8 *buffer, __u32 bytes, __u32 is_odd,
                                            struct alibi_mark *mark) {
  alibi_mark_clear(mark);
  is_odd = is_odd ? 1 : 0;
  if (bytes < is_odd + 2 || bytes > ALIBI_MARK_SURPLUS_BYTES_MAX) return;
  alibi_mark_find(buffer, is_odd + 2, bytes, ALIBI_MARK_UDP_KIND, mark);
  if (!mark->bytes) return;
  if (!alibi_mark_has_exid(buffer, mark->at)) {
    alibi_mark_clear(mark);
    return;
  }
  if (mark->form == ALIBI_MARK_MALFORMED) return;
  int is_read = alibi_mark_byte(buffer, (__u64)mark->at + 4) >> 4 == 2
                    ? alibi_mark_read_v2(buffer, mark)
                    : alibi_mark_read_v1(buffer, ALIBI_MARK_UDP_V1_HEAD_BYTES, mark);
  if (is_read && (!is_odd || buffer[0] == 0) &&
      alibi_mark_surplus_sum(buffer, bytes, is_odd) == 0xffff)
    return;
  mark->form = ALIBI_MARK_MALFORMED;
  mark->count = 0;
}

#endif
