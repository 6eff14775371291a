// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The gate: what a router, or a host for itself, does with marked packets
// (docs/marking.md, section 8). A tc program at the ingress of each device.
//
// A packet passes, or passes without its mark, or with zeros for content, or
// is dropped. What cannot be changed as the policy wants is dropped and
// counted. Checksums are changed by the difference of what was written, so a
// packet that came with a wrong one leaves with a wrong one, and packets whose
// checksum is not finished yet (CHECKSUM_PARTIAL, GSO) stay right: for those
// bpf_l4_csum_replace without BPF_F_PSEUDO_HDR changes nothing.
//
// Needs Linux 5.17 (bpf_loop).

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "lib/gate_maps.h"
#include "lib/gate_packet.h"
#include "lib/gate_verify.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
  PASS = TC_ACT_UNSPEC, /* programs and filters behind this one decide on */
  CHUNK_BYTES = 512,    /* bpf_csum_diff takes no more before Linux 6.13 */
  CHUNKS_MAX = 1100,    /* 512 KiB, the longest packet (GSO_MAX_SIZE), and some */
  NOP = 1,
  TCP_CHECKSUM_AT = 16,
  UDP_CHECKSUM_AT = 6,
  SURPLUS_CHECKSUM_BYTES = 2,
};

/* ---- zones and rules ---- */

static __noinline u32 zone_of_address(u32 slot, const u8 *address) {
  struct alibi_gate_prefix key = {.prefix_bits = 32 + 128, .slot = slot};
  __builtin_memcpy(key.address, address, sizeof(key.address));
  u32 *zone = bpf_map_lookup_elem(&gate_addresses, &key);
  if (zone) return *zone;
  struct alibi_gate_policy *policy = bpf_map_lookup_elem(&gate_policy, &slot);
  return policy ? policy->rest_zone : 0;
}

static __always_inline u32 zone_of_device(u32 slot, u32 index) {
  struct alibi_gate_device key = {.slot = slot, .index = index};
  u32 *zone = bpf_map_lookup_elem(&gate_devices, &key);
  return zone ? *zone : ALIBI_GATE_ANY_ZONE;
}

struct search {
  u32 slot, from, to, category, code;
  u32 found; /* index of the rule; ALIBI_GATE_RULES_MAX: none yet */
};

static long try_rule(u32 i, struct search *s) {
  u32 at = s->slot * ALIBI_GATE_RULES_MAX + i;
  struct alibi_gate_rule *rule = bpf_map_lookup_elem(&gate_rules, &at);
  if (!rule) return 1;
  if (rule->from != ALIBI_GATE_ANY_ZONE && rule->from != s->from) return 0;
  if (rule->to != ALIBI_GATE_ANY_ZONE && rule->to != s->to) return 0;
  if (rule->category != ALIBI_GATE_ANY_NUMBER && rule->category != s->category) return 0;
  if (rule->code != ALIBI_GATE_ANY_NUMBER && rule->code != s->code) return 0;
  s->found = i;
  return 1;
}

/* The rule of each diagnosis; of their actions the severest. The default
 * stands behind the rules and fits always. */
static __noinline int apply_rules(struct gate_work *w) {
  u32 slot = w->slot;
  struct alibi_gate_policy *policy = bpf_map_lookup_elem(&gate_policy, &slot);
  if (!policy) return 0;
  w->is_export = 1;
  for (u32 i = 0; i < ALIBI_MARK_DIAGNOSES_MAX; i++) {
    if (i >= w->seen.count) break;
    struct search s = {.slot = slot, .from = w->from, .to = w->to, .found = ALIBI_GATE_RULES_MAX};
    s.category = w->seen.diagnoses[i].category;
    s.code = w->seen.diagnoses[i].code;
    bpf_loop(policy->rules + 1, try_rule, &s, 0);
    u32 at = slot * ALIBI_GATE_RULES_MAX + s.found;
    struct alibi_gate_rule *rule = bpf_map_lookup_elem(&gate_rules, &at);
    if (!rule || s.found >= ALIBI_GATE_RULES_MAX) continue;
    if (w->rule == ALIBI_GATE_RULES_MAX || rule->action > w->action) {
      w->action = rule->action;
      w->rule = s.found;
    }
    if (!w->mirror) w->mirror = rule->mirror;
    w->is_export &= rule->is_export;
  }
  return 0;
}

/* ---- what is remembered ---- */

static __always_inline void host_key(struct gate_work *w, struct alibi_gate_host *key) {
  __builtin_memcpy(key->address, w->key.source, sizeof(key->address));
  key->zone = w->from;
}

static __noinline int remember(struct gate_work *w, u64 sticky_ns) {
  struct alibi_gate_host key;
  host_key(w, &key);
  struct alibi_gate_sticky *known = bpf_map_lookup_elem(&gate_hosts, &key);
  /* Nobody's word stands against what was proven. */
  if (known && known->until_boot_ns > w->now_ns && known->mark.state == ALIBI_GATE_GOOD &&
      w->seen.state != ALIBI_GATE_GOOD)
    return 0;
  struct alibi_gate_sticky fresh = {.until_boot_ns = w->now_ns + sticky_ns, .mark = w->seen};
  bpf_map_update_elem(&gate_hosts, &key, &fresh, BPF_ANY);
  u32 zero = 0;
  u64 *end = bpf_map_lookup_elem(&gate_sticky_end, &zero);
  if (end && *end < fresh.until_boot_ns) *end = fresh.until_boot_ns;
  return 0;
}

/* Packets of the link itself: neighbours must find each other, or nothing does. */
static __always_inline bool is_of_link(const struct gate_work *w) {
  enum { ROUTER_SOLICITATION = 133, REDIRECT = 137 };
  const u8 *d = w->key.destination;
  if (w->is_v6)
    return d[0] == 0xff || (d[0] == 0xfe && (d[1] & 0xc0) == 0x80) ||
           (w->key.protocol == NEXT_ICMPV6 && w->icmp_type >= ROUTER_SOLICITATION &&
            w->icmp_type <= REDIRECT);
  return d[12] >= 224 || (d[12] == 169 && d[13] == 254);
}

/* True: the host is remembered, and w->seen is what it said. */
static __always_inline bool recall(struct gate_work *w) {
  struct alibi_gate_host key;
  host_key(w, &key);
  struct alibi_gate_sticky *known = bpf_map_lookup_elem(&gate_hosts, &key);
  if (!known || known->until_boot_ns <= w->now_ns || is_of_link(w)) return false;
  w->seen = known->mark;
  w->seen.state = ALIBI_GATE_UNMARKED;
  return true;
}

/* ---- changes ---- */

/* The mark in TCP becomes NOPs. Of one that is malformed nobody knows where it
 * ends, so everything behind it does too. */
static __always_inline int strip_tcp(struct __sk_buff *skb, struct gate_work *w) {
  u32 end = w->mark.form == ALIBI_MARK_MALFORMED ? w->buffer_bytes : w->mark.at + w->mark.bytes;
  for (u32 i = 0; i < ALIBI_MARK_OPTIONS_BYTES_MAX; i++)
    w->altered[i] = i >= w->mark.at && i < end ? NOP : w->buffer[i];
  s64 diff = bpf_csum_diff((__be32 *)w->buffer, ALIBI_MARK_OPTIONS_BYTES_MAX, (__be32 *)w->altered,
                           ALIBI_MARK_OPTIONS_BYTES_MAX, 0);
  u64 bytes = w->buffer_bytes - 1;
  barrier_var(bytes);
  if (diff < 0 || bytes >= ALIBI_MARK_OPTIONS_BYTES_MAX) return -1;
  if (bpf_skb_store_bytes(skb, w->buffer_at, w->altered, bytes + 1, 0)) return -1;
  return bpf_l4_csum_replace(skb, w->l4_at + TCP_CHECKSUM_AT, 0, diff, 0);
}

/* In UDP the options end where the mark began, zeros follow (RFC 9868, 11.1),
 * and the option checksum is made new. It keeps the sum of the area what it
 * was, so the datagram's own checksum stays right, finished or not. */
static __always_inline int strip_udp(struct __sk_buff *skb, struct gate_work *w) {
  u64 ocs_at = w->is_odd & 1;
  for (u32 i = 0; i < ALIBI_MARK_BUFFER_BYTES; i++)
    w->altered[i] = i < w->mark.at && i >= ocs_at + SURPLUS_CHECKSUM_BYTES ? w->buffer[i] : 0;
  u32 sum = ~alibi_mark_surplus_sum(w->altered, w->buffer_bytes, w->is_odd) & 0xffff;
  if (!sum) sum = 0xffff;
  w->altered[ocs_at] = sum >> 8;
  w->altered[ocs_at + 1] = (u8)sum;
  u64 bytes = w->buffer_bytes - 1;
  barrier_var(bytes);
  if (bytes >= ALIBI_MARK_SURPLUS_BYTES_MAX) return -1;
  return bpf_skb_store_bytes(skb, w->buffer_at, w->altered, bytes + 1, 0);
}

struct blanking {
  struct __sk_buff *skb;
  struct gate_work *work;
  u32 at, left;
  s64 diff;
  int error;
};

static long blank_chunk(u32 i, struct blanking *b) {
  u64 bytes = b->left < CHUNK_BYTES ? b->left : CHUNK_BYTES;
  if (b->left == 0) return 1;
  bytes--;
  barrier_var(bytes);
  if (bytes >= CHUNK_BYTES) return 1;
  u64 last = bytes & (CHUNK_BYTES - 4);
  *(u32 *)(b->work->chunk + last) = 0; /* what pads the sum to four bytes */
  bytes++;
  if (bpf_skb_load_bytes(b->skb, b->at, b->work->chunk, bytes)) goto broken;
  b->diff = bpf_csum_diff((__be32 *)b->work->chunk, last + 4, 0, 0, b->diff);
  if (b->diff < 0 || bpf_skb_store_bytes(b->skb, b->at, b->work->zeros, bytes, 0)) goto broken;
  b->at += bytes;
  b->left -= bytes;
  return 0;
broken:
  b->error = 1;
  return 1;
}

static __noinline int blank(struct __sk_buff *skb, struct gate_work *w) {
  bool is_tcp = w->key.protocol == IPPROTO_TCP;
  struct blanking b = {.skb = skb, .work = w, .at = w->payload_at, .left = w->payload_bytes};
  if (!b.left) return 0;
  /* At once, or each chunk would make the head of the packet longer anew. */
  if (bpf_skb_pull_data(skb, w->payload_at + w->payload_bytes)) return -1;
  bpf_loop(CHUNKS_MAX, blank_chunk, &b, 0);
  if (b.error || b.left) return -1;
  return bpf_l4_csum_replace(skb, w->l4_at + (is_tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT), 0, b.diff,
                             is_tcp ? 0 : BPF_F_MARK_MANGLED_0);
}

static __noinline int strip(struct __sk_buff *skb, struct gate_work *w) {
  return w->key.protocol == IPPROTO_TCP ? strip_tcp(skb, w) : strip_udp(skb, w);
}

/* ---- telling ---- */

static __noinline int tell(struct gate_work *w, struct alibi_gate_counters *counters) {
  struct alibi_gate_flow *flow = bpf_map_lookup_elem(&gate_flows, &w->key);
  if (flow) {
    __sync_fetch_and_add(&flow->packets, 1);
    __sync_fetch_and_add(&flow->bytes, w->ip_bytes);
    flow->last_boot_ns = w->now_ns;
    if (flow->action != w->action || flow->rule != w->rule || flow->mark.state != w->seen.state) {
      flow->mark = w->seen;
      flow->slot = w->slot;
      flow->rule = w->rule;
      flow->action = w->action;
    }
    return 0;
  }
  struct alibi_gate_event *e = &w->event;
  __builtin_memset(e, 0, sizeof(*e));
  e->key = w->key;
  e->flow.first_boot_ns = e->flow.last_boot_ns = w->now_ns;
  e->flow.packets = 1;
  e->flow.bytes = w->ip_bytes;
  e->flow.mark = w->seen;
  e->flow.slot = w->slot;
  e->flow.rule = w->rule;
  e->flow.action = w->action;
  e->flow.from = w->from;
  e->flow.to = w->to;
  /* A full table leaves the packet untold; two CPUs that meet here tell once. */
  if (bpf_map_update_elem(&gate_flows, &w->key, &e->flow, BPF_NOEXIST)) {
    counters->flows_full += !bpf_map_lookup_elem(&gate_flows, &w->key);
    return 0;
  }
  if (bpf_ringbuf_output(&gate_ring, e, sizeof(*e), 0)) counters->ring_full++;
  return 0;
}

static __always_inline void count_rule(struct gate_work *w) {
  u32 at = w->slot * ALIBI_GATE_RULES_MAX + w->rule;
  if (w->rule >= ALIBI_GATE_RULES_MAX) return;
  struct alibi_gate_hits *hits = bpf_map_lookup_elem(&gate_hits, &at);
  if (!hits) return;
  hits->packets++;
  hits->bytes += w->ip_bytes;
}

/* ---- the way of a packet ---- */

/* State and rule decide; a host is remembered only for a mark that is believed. */
static __noinline int judge(struct gate_work *w, struct alibi_gate_policy *policy) {
  u32 state = w->seen.state;
  bool is_remembered = false;
  u32 belief = ALIBI_GATE_IGNORE;
  /* Wide, and unknown to the compiler: kernels before 6.18 want the very register that is
   * the index compared. */
  u64 at = state;
  barrier_var(at);
  if (state != ALIBI_GATE_UNMARKED && at < ALIBI_GATE_STATES) belief = policy->belief[at];
  if (belief == ALIBI_GATE_REFUSE) {
    w->action = ALIBI_GATE_DROP;
    return 1;
  }
  if (belief == ALIBI_GATE_BELIEVE && policy->sticky_ns &&
      (state == ALIBI_GATE_GOOD || state == ALIBI_GATE_UNVERIFIED))
    remember(w, policy->sticky_ns);
  if (belief == ALIBI_GATE_IGNORE) {
    struct alibi_gate_mark said = w->seen;
    is_remembered = recall(w);
    if (is_remembered && state != ALIBI_GATE_UNMARKED) w->seen.state = state;
    if (!is_remembered) {
      w->seen = said;
      return state != ALIBI_GATE_UNMARKED;
    }
  }
  apply_rules(w);
  return 1;
}

static __always_inline void settle_action(struct gate_work *w, struct alibi_gate_policy *policy,
                                          struct alibi_gate_counters *counters) {
  bool has_mark = w->mark.form != ALIBI_MARK_ABSENT;
  bool leaves = (policy->zone_flags[w->from & 63] & ALIBI_GATE_ZONE_TRUSTED) &&
                !(policy->zone_flags[w->to & 63] & ALIBI_GATE_ZONE_TRUSTED);
  if (w->action == ALIBI_GATE_STRIP && !has_mark) w->action = ALIBI_GATE_ALLOW;
  w->is_strip = w->action == ALIBI_GATE_STRIP;
  if (has_mark && leaves && !w->is_export && w->action < ALIBI_GATE_DROP && !w->is_strip) {
    counters->exports_stripped++;
    w->is_strip = 1;
    if (w->action == ALIBI_GATE_ALLOW) w->action = ALIBI_GATE_STRIP;
  }
  /* The checksum of a fragment is in another one; other protocols have who
   * knows what. What cannot be blanked does not pass. */
  if (w->action == ALIBI_GATE_BLANK && !w->can_blank) {
    counters->fragments_dropped++;
    w->action = ALIBI_GATE_DROP;
  }
}

static __noinline int alter(struct __sk_buff *skb, struct gate_work *w,
                            struct alibi_gate_counters *counters) {
  u32 mirror = w->mirror;
  if (mirror) {
    if (bpf_clone_redirect(skb, mirror, 0))
      counters->mirror_failed++;
    else
      counters->mirrored++;
  }
  if (w->action == ALIBI_GATE_DROP) return TC_ACT_SHOT;
  if ((w->is_strip && strip(skb, w)) || (w->action == ALIBI_GATE_BLANK && blank(skb, w))) {
    counters->unaltered++;
    return TC_ACT_SHOT;
  }
  return PASS;
}

static __always_inline int gate(struct __sk_buff *skb, u32 l3_at) {
  u32 zero = 0;
  struct alibi_gate_control *control = gate_control_get();
  struct alibi_gate_counters *counters = bpf_map_lookup_elem(&gate_counters, &zero);
  struct gate_work *w = bpf_map_lookup_elem(&gate_scratch, &zero);
  u64 *sticky_end = bpf_map_lookup_elem(&gate_sticky_end, &zero);
  if (!control || !counters || !w || !sticky_end) return PASS;
  if (!parse_packet(skb, l3_at, w)) return PASS;
  counters->packets++;
  if (w->mark.form == ALIBI_MARK_ABSENT && !*sticky_end) return PASS;
  w->now_ns = bpf_ktime_get_boot_ns();
  if (w->mark.form == ALIBI_MARK_ABSENT && *sticky_end <= w->now_ns) return PASS;

  u32 slot = control->slot;
  struct alibi_gate_policy *policy = bpf_map_lookup_elem(&gate_policy, &slot);
  if (!policy) return PASS;
  w->slot = slot;
  w->action = ALIBI_GATE_ALLOW;
  w->rule = ALIBI_GATE_RULES_MAX;
  w->mirror = 0;
  w->is_export = 0;
  if (!load_addresses(skb, w)) return PASS;
  w->from = zone_of_device(slot, skb->ifindex);
  if (w->from == ALIBI_GATE_ANY_ZONE) w->from = zone_of_address(slot, w->key.source);
  w->to = zone_of_address(slot, w->key.destination);
  verify_mark(w, control, counters);
  if (!judge(w, policy)) return PASS;
  settle_action(w, policy, counters);
  u64 state = w->seen.state;
  barrier_var(state);
  if (state < ALIBI_GATE_STATES) counters->states[state]++;
  counters->actions[w->action & 3]++;
  count_rule(w);
  tell(w, counters);
  return alter(skb, w, counters);
}

SEC("tc")
int gate_ethernet(struct __sk_buff *skb) { return gate(skb, ETH_HLEN); }

/* Devices without a link header: tun, WireGuard, PPP. */
SEC("tc")
int gate_bare(struct __sk_buff *skb) { return gate(skb, 0); }
