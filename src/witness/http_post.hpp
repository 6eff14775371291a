#pragma once
// Several HTTP requests at the same time, by libcurl: http and https only, no
// redirects, answers bounded. Certificates are checked as the system does.
// Thread: any; a call blocks until all are answered or the time is over.

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace alibi::witness {

struct HttpPost {
  std::string url;
  std::string content_type;
  std::string body;
  std::string accept;  ///< content type; empty: any
};

struct HttpReply {
  unsigned status = 0;
  std::string content_type;  ///< without parameters, lower case
  std::string body;          ///< at most 64 KiB
};

/// One result for each request, in their order. Gives up after `timeout_ms`, and at
/// CLOCK_BOOTTIME `give_up_boot_ns`, which may be brought forward meanwhile. Errors:
/// Io, Usage (not such a URL); the message is what a person needs to know.
[[nodiscard]] std::vector<Result<HttpReply>> post_all(
    std::span<const HttpPost> posts, std::uint32_t timeout_ms,
    const std::atomic<std::uint64_t>& give_up_boot_ns);

}  // namespace alibi::witness
