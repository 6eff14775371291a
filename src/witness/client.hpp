#pragma once
// Asks the witnesses of a policy to cosign this log, and time-stamp authorities to
// stamp it: the implementation of seal/witnessing.hpp. One thread; all of them are
// asked at the same time; only the newest checkpoint matters, so what cannot be sent
// is forgotten when a newer one comes. Nothing here ever waits for the network on
// the sealer's thread, except finish().
//
// A witness that knows more than this log has, less than it cosigned, or another
// tree is an alarm: told once as a fault, shown in trouble() for good, and never
// resolved here.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "seal/witnessing.hpp"

namespace alibi::witness {

struct ClientOptions {
  std::string policy_file;              ///< C2SP tlog-policy; empty: that of the log's identity
  std::uint32_t timeout_ms = 10'000;    ///< for one answer
  std::vector<std::string> stamp_urls;  ///< time-stamp authorities, RFC 3161 over HTTP
  std::uint64_t stamp_interval_s = 3600;
  std::string stamp_roots;  ///< PEM; when given, stamps must lead there
};

/// Null where nobody is to be asked. A policy that cannot be read is told by
/// trouble(): nothing is recorded less because of it. `nodes` is called on the
/// client's thread.
[[nodiscard]] std::unique_ptr<seal::Witnessing> start_client(const ClientOptions& options,
                                                             const seal::SealLayout& layout,
                                                             seal::Receipts& receipts,
                                                             seal::NodeReader nodes);
/// The same on the tiles of the log, as the sealer wants it.
[[nodiscard]] seal::MakeWitnessing make_client(ClientOptions options);

}  // namespace alibi::witness
