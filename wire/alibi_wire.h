/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules every record shared by kernel and user space obeys.
 *
 * C11 and C++20; compiled for the BPF target and for the host from this one
 * copy. Fields are fixed-width integers and byte arrays only: no bool, long,
 * size_t, enum, pointer or bit-field. Padding is named reserved_N and is zero.
 * Never packed (clang would read it byte by byte). Constants are enumerators,
 * so that they reach BTF and the layout test can read them.
 */
#ifndef ALIBI_WIRE_H
#define ALIBI_WIRE_H

#include <linux/types.h>

#ifdef __cplusplus
#include <type_traits>
/* True only if every bit of the type is a named field. */
#define ALIBI_WIRE_TYPE(type, bytes)                                        \
  static_assert(sizeof(type) == (bytes), "wire size of " #type " changed"); \
  static_assert(std::has_unique_object_representations_v<type>,             \
                #type " has padding: name it reserved_N");                  \
  static_assert(std::is_trivially_copyable_v<type>, #type)
#else
#define ALIBI_WIRE_TYPE(type, bytes) \
  _Static_assert(sizeof(type) == (bytes), "wire size of " #type " changed")
#endif

#endif
