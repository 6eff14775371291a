/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet marks as the sender writes them, and what their tag is computed over
 * (docs/marking.md, sections 2, 3 and 5). See wire/alibi_mark.h for the rules. */
#ifndef ALIBI_MARK_WRITE_H
#define ALIBI_MARK_WRITE_H

#include "wire/alibi_mark.h"

enum alibi_mark_tag_limits {
  ALIBI_MARK_SOURCE_BYTES = 16,
  ALIBI_MARK_BEFORE_TAG_BYTES_MAX = 36,
};

/* What a tag is computed over, as SipHash takes it: zeros behind. */
struct alibi_mark_tagged {
  __u8 message[ALIBI_MARK_BUFFER_BYTES];
  __u32 bytes;
  __u32 reserved_0;
};
ALIBI_WIRE_TYPE(struct alibi_mark_tagged, 72);

ALIBI_MARK_INLINE void alibi_mark_store32(__u8 *to, __u32 value) {
  to[0] = (__u8)(value >> 24);
  to[1] = (__u8)(value >> 16);
  to[2] = (__u8)(value >> 8);
  to[3] = (__u8)value;
}

ALIBI_MARK_INLINE void alibi_mark_write_diagnoses(__u8 *to, const struct alibi_diagnosis *from,
                                                  __u32 count) {
  for (__u32 k = 0; k < ALIBI_MARK_DIAGNOSES_MAX && k < count; k++) {
    alibi_mark_store32(to + k * ALIBI_MARK_DIAGNOSIS_BYTES, from[k].time_s);
    to[k * ALIBI_MARK_DIAGNOSIS_BYTES + 4] = from[k].category;
    to[k * ALIBI_MARK_DIAGNOSIS_BYTES + 5] = from[k].code;
  }
}

/* Version 1 with `count` of the diagnoses (1 to 6), at the beginning of `to`,
 * which has ALIBI_MARK_BUFFER_BYTES. Returns the bytes of the option. */
ALIBI_MARK_INLINE __u32 alibi_mark_write_v1(__u8 *to, const struct alibi_diagnosis *from,
                                            __u32 count) {
  to[0] = ALIBI_MARK_TCP_KIND;
  to[1] = (__u8)(ALIBI_MARK_V1_HEAD_BYTES + count * ALIBI_MARK_DIAGNOSIS_BYTES);
  to[2] = (__u8)count;
  alibi_mark_write_diagnoses(to + ALIBI_MARK_V1_HEAD_BYTES, from, count);
  return to[1];
}

/* The same as a UDP option. */
ALIBI_MARK_INLINE __u32 alibi_mark_write_udp_v1(__u8 *to, const struct alibi_diagnosis *from,
                                                __u32 count) {
  to[0] = ALIBI_MARK_UDP_KIND;
  to[1] = (__u8)(ALIBI_MARK_UDP_V1_HEAD_BYTES + count * ALIBI_MARK_DIAGNOSIS_BYTES);
  to[2] = ALIBI_MARK_EXID_HIGH;
  to[3] = ALIBI_MARK_EXID_LOW;
  to[4] = (__u8)count;
  alibi_mark_write_diagnoses(to + ALIBI_MARK_UDP_V1_HEAD_BYTES, from, count);
  return to[1];
}

/* Version 2 for TCP or UDP (`kind`), count 1 to 5; the tag is left to
 * alibi_mark_write_tag. Returns the bytes of the option with its tag. */
ALIBI_MARK_INLINE __u32 alibi_mark_write_v2(__u8 *to, __u8 kind, __u32 key,
                                            const struct alibi_diagnosis *from, __u32 count) {
  to[0] = kind;
  to[1] = (__u8)(ALIBI_MARK_V2_HEAD_BYTES + count * ALIBI_MARK_DIAGNOSIS_BYTES +
                 ALIBI_MARK_TAG_BYTES);
  to[2] = ALIBI_MARK_EXID_HIGH;
  to[3] = ALIBI_MARK_EXID_LOW;
  to[4] = (__u8)(2 << 4 | (key & 15));
  to[5] = (__u8)count;
  alibi_mark_write_diagnoses(to + ALIBI_MARK_V2_HEAD_BYTES, from, count);
  return to[1];
}

ALIBI_MARK_INLINE void alibi_mark_write_tag(__u8 *option, __u32 count, __u32 tag) {
  ALIBI_MARK_UNROLL
  for (__u32 n = 1; n <= ALIBI_MARK_DIAGNOSES_MAX_V2; n++)
    if (n == count)
      alibi_mark_store32(option + ALIBI_MARK_V2_HEAD_BYTES + n * ALIBI_MARK_DIAGNOSIS_BYTES, tag);
}

/* The message of the tag: source || option before the tag || window. `source` is
 * 16 bytes, IPv4 mapped; `at` of the option in `buffer`; count 1 to 5. */
ALIBI_MARK_INLINE void alibi_mark_tag_input(struct alibi_mark_tagged *to, const __u8 *source,
                                            const __u8 *buffer, __u64 at, __u32 count,
                                            __u32 window) {
  __builtin_memset(to, 0, sizeof(*to));
  __builtin_memcpy(to->message, source, ALIBI_MARK_SOURCE_BYTES);
  const __u32 bytes = ALIBI_MARK_V2_HEAD_BYTES + count * ALIBI_MARK_DIAGNOSIS_BYTES;
  for (__u32 i = 0; i < ALIBI_MARK_BEFORE_TAG_BYTES_MAX && i < bytes; i++)
    to->message[ALIBI_MARK_SOURCE_BYTES + i] = alibi_mark_byte(buffer, at + i);
  ALIBI_MARK_UNROLL
  for (__u32 n = 1; n <= ALIBI_MARK_DIAGNOSES_MAX_V2; n++) {
    if (n != count) continue;
    const __u32 end = 16 + 6 + n * 6; /* source, head, diagnoses */
    alibi_mark_store32(to->message + end, window);
    to->bytes = end + 4;
  }
}

#endif
