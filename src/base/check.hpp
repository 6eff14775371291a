#pragma once
// ALIBI_CHECK: an invariant of our own, checked in release builds too. Never
// for input, never for what the kernel or the disk may answer.

#include <cstdio>
#include <cstdlib>

#define ALIBI_CHECK(condition)                                                                 \
  do {                                                                                         \
    if (!(condition)) [[unlikely]] {                                                           \
      std::fprintf(stderr, "alibi: broken invariant: %s (%s:%d); please report\n", #condition, \
                   __FILE__, __LINE__);                                                        \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
