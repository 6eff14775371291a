/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* SipHash-2-4 (Aumasson, Bernstein 2012) of a message of up to 63 bytes, for BPF
 * programs and, so that a test can hold it against the authors' vectors, for the
 * host. The message stands in 64 bytes, zeros behind; little-endian machines. */
#ifndef ALIBI_SIPHASH_H
#define ALIBI_SIPHASH_H

#include <linux/types.h>

enum { SIPHASH_MESSAGE_BYTES = 64, SIPHASH_WORDS = 8 };

struct siphash_state { __u64 v0, v1, v2, v3; };

static inline __attribute__((always_inline)) __u64 siphash_rotate(__u64 x, int bits) {
  return x << bits | x >> (64 - bits);
}

static inline __attribute__((always_inline)) void siphash_round(struct siphash_state *s) {
  s->v0 += s->v1;
  s->v2 += s->v3;
  s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
  s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
  s->v0 = siphash_rotate(s->v0, 32);
  s->v2 += s->v1;
  s->v0 += s->v3;
  s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
  s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
  s->v2 = siphash_rotate(s->v2, 32);
}

/* `bytes` below 64. The key is two little-endian words, as its bytes stand. */
static inline __attribute__((always_inline)) __u64 siphash(const __u8 *key, const __u8 *message,
                                                          __u32 bytes) {
  __u64 k0, k1;
  __builtin_memcpy(&k0, key, 8);
  __builtin_memcpy(&k1, key + 8, 8);
  struct siphash_state s = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
                            k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL};
  for (__u32 i = 0; i < SIPHASH_WORDS; i++) {
    __u64 word;
    __builtin_memcpy(&word, message + i * 8, 8);
    if (i == bytes / 8) word |= (__u64)bytes << 56;
    s.v3 ^= word;
    siphash_round(&s);
    siphash_round(&s);
    s.v0 ^= word;
    if (i == bytes / 8) break;
  }
  s.v2 ^= 0xff;
  siphash_round(&s);
  siphash_round(&s);
  siphash_round(&s);
  siphash_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
