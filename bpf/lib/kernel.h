/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every program needs: types of the kernel, helpers, records. No map. */
#ifndef ALIBI_KERNEL_H
#define ALIBI_KERNEL_H

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "wire/alibi_event.h"

#endif
