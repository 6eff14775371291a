#pragma once
// Time stamps of RFC 3161, by OpenSSL: the question, and whether a reply answers it.
// What is kept is the whole reply (TimeStampResp, DER), as `openssl ts -verify -in`
// takes it. Thread: any. Replies are a stranger's bytes.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace alibi::witness {

inline constexpr std::string_view kStampQueryType = "application/timestamp-query";
inline constexpr std::string_view kStampReplyType = "application/timestamp-reply";

class StampQuestion {
 public:
  /// SHA-256 of `text`, a nonce of 64 random bits, and the wish for the certificate.
  static Result<StampQuestion> about(std::string_view text);
  StampQuestion(StampQuestion&&) noexcept;
  StampQuestion& operator=(StampQuestion&&) noexcept;
  ~StampQuestion();

  [[nodiscard]] const std::string& der() const { return der_; }
  /// The time the authority says, seconds since 1970. Refused: a status other than
  /// granted, another imprint, another nonce, bytes behind it; with `roots_file`
  /// (PEM) also a signature that does not lead there. Errors: Corrupt; Io for the file.
  [[nodiscard]] Result<std::int64_t> check(std::string_view reply,
                                           const std::string& roots_file) const;

 private:
  struct State;
  StampQuestion(std::unique_ptr<State> state, std::string der);
  std::unique_ptr<State> state_;
  std::string der_;
};

}  // namespace alibi::witness
