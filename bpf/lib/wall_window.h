/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The window of a tag: Unix time in units of 64 seconds (docs/marking.md, 3).
 *
 * BPF has no CLOCK_REALTIME. CLOCK_TAI (Linux 6.1) steps and slews with it and
 * differs by whole seconds that user space wrote down, so a clock that is set
 * takes effect at once, whoever lives. What the offset itself may be wrong by
 * (it becomes 37 s when a time daemon sets it) is less than the window either
 * side that receivers accept. Before 6.1: CLOCK_BOOTTIME and an offset, which
 * follows a step only when user space writes it anew. */
#ifndef ALIBI_WALL_WINDOW_H
#define ALIBI_WALL_WINDOW_H

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "wire/alibi_mark.h"

static __always_inline u32 wall_window(__s64 wall_offset_ns, __s64 tai_offset_ns) {
  u64 wall_ns;
  if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_tai_ns))
    wall_ns = bpf_ktime_get_tai_ns() - tai_offset_ns;
  else
    wall_ns = bpf_ktime_get_boot_ns() + wall_offset_ns;
  return (u32)(wall_ns / 1000000000ULL / ALIBI_MARK_WINDOW_SECONDS);
}

#endif
