#pragma once
// The head of one HTTP message of any version, as far as the log tells it, and
// the fields of the Finding made from it (docs/requests.md).
//
// Bounded: only named header fields are kept, kValueBytesMax of each. A field
// that occurs more than once is joined with ", " (RFC 9110, section 5.3).

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "packet/inspector.hpp"

namespace alibi::packet {

struct HttpHead {
  static constexpr std::size_t kValueBytesMax = 8 << 10;
  static constexpr std::size_t kTargetBytesMax = 16 << 10;

  bool is_request = true;
  std::string method;     ///< of requests
  std::string target;     ///< of requests: origin, absolute, authority or asterisk form
  std::string scheme;     ///< of HTTP/2 requests
  std::string authority;  ///< of HTTP/2 requests
  std::string status;     ///< of responses, three digits
  std::string version;    ///< "0.9", "1.0", "1.1", "2"
  /// Lower-case names, first occurrence first.
  std::vector<std::pair<std::string, std::string>> headers;

  [[nodiscard]] static bool is_kept(std::string_view name);
  void add_header(std::string name, std::string_view value);
  /// Empty where there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  /// `http://host/path?query` where the host is known; the target alone where
  /// it is not, and for CONNECT and `*`.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] bool is_dns() const;  ///< its body is a DNS message (RFC 8484)
};

/// A request that waits for its response.
struct OpenRequest {
  std::string method;
  std::string url;
};

/// Pairs responses with requests: in order (HTTP/1) or by number (HTTP/2).
class Exchange {
 public:
  static constexpr std::size_t kOpenMax = 64;

  void ask(OpenRequest request);
  void ask(std::uint32_t number, OpenRequest request);
  /// The request that the next response answers; null where none was seen.
  [[nodiscard]] const OpenRequest* next() const {
    return in_order_.empty() ? nullptr : &in_order_.front();
  }
  void answered();
  /// The open request of an HTTP/2 stream, which is closed by this.
  [[nodiscard]] std::optional<OpenRequest> answer(std::uint32_t number);
  /// Part of the conversation is missing: requests may have passed unseen. From
  /// here on a request is taken to be alone on its way, as it is with every
  /// client that does not pipeline, and pairs are called likely.
  void lose();
  [[nodiscard]] bool is_likely_only() const { return is_lossy_; }

 private:
  std::deque<OpenRequest> in_order_;
  std::map<std::uint32_t, OpenRequest> by_number_;
  bool is_lossy_ = false;
};

[[nodiscard]] Finding request_finding(const HttpHead& head);
/// `asked` may be null.
[[nodiscard]] Finding response_finding(const HttpHead& head, const OpenRequest* asked,
                                       bool is_pair_likely);

/// The message inside `?dns=` of a request's target (RFC 8484, section 4.1),
/// empty where there is none that decodes.
[[nodiscard]] std::vector<std::byte> dns_parameter(const HttpHead& head);

}  // namespace alibi::packet
