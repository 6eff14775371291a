#include "match/alteration.hpp"

#include <algorithm>

namespace alibi::match {
namespace {

/// TCP counts from the SYN, so that translated sequence numbers compare.
std::uint32_t position(const Content& content, const Sent& sent) {
  return sent.first_seq ? content.seq - *sent.first_seq : content.seq;
}

/// The same place of the stream with other bytes. Only what both kept whole and
/// cut at the same places compares.
bool differs(const Sent& seen, const Sent& sent) {
  if (!seen.first_seq || !sent.first_seq) return false;
  return std::ranges::any_of(sent.contents, [&](const Content& own) {
    return std::ranges::any_of(seen.contents, [&](const Content& other) {
      return position(own, sent) == position(other, seen) && own.bytes == other.bytes &&
             own.kept == other.kept && own.kept == own.bytes && own.hash != other.hash;
    });
  });
}

}  // namespace

std::vector<std::string> find_alterations(const CaptureFlow& seen, const HostFlow& sent) {
  std::vector<std::string> found;
  const bool is_begun_here =
      sent.local == seen.source || (sent.remote == seen.destination && sent.remote != seen.source);
  const Sent& out = is_begun_here ? seen.from_source : seen.from_destination;
  const Sent& in = is_begun_here ? seen.from_destination : seen.from_source;
  if (sent.wire) {
    if (differs(out, sent.wire->from_local)) found.emplace_back("payload out");
    if (differs(in, sent.wire->from_remote)) found.emplace_back("payload in");
    // Routers only ever lower it; what the log did not keep may have had another.
    if (out.packets > 0 && sent.wire->from_local.packets >= out.packets &&
        out.most_hops > sent.wire->from_local.most_hops)
      found.emplace_back("hop limit out");
  }
  // Both sides' whole streams were seen, from SYN to FIN: lengths must agree.
  const bool is_whole = seen.has_beginning && !seen.is_reset && out.first_seq && in.first_seq &&
                        out.has_fin && in.has_fin && sent.is_cleanly_closed;
  if (is_whole && sent.bytes_out && *sent.bytes_out < 1U << 31 &&
      out.stream_bytes != *sent.bytes_out)
    found.emplace_back("length out");
  if (is_whole && sent.bytes_in && *sent.bytes_in < 1U << 31 && in.stream_bytes != *sent.bytes_in)
    found.emplace_back("length in");
  return found;
}

}  // namespace alibi::match
