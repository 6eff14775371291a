#pragma once
// RFC 3161 time-stamp tokens, by OpenSSL: somebody else says that bytes existed
// at a time. Certificates are judged at the token's own time, so that a token
// outlives its certificate. Thread: any.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace alibi::verify {

struct TimeStamp {
  std::uint64_t time_s = 0;  ///< since 1970
  std::string name;          ///< common name of the signer's certificate
};

class TimeStampRoots {
 public:
  /// PEM certificates. Errors: Usage when there is none, or it is no certificate.
  static Result<TimeStampRoots> from_pem(std::string_view pem);
  TimeStampRoots(TimeStampRoots&&) noexcept;
  TimeStampRoots& operator=(TimeStampRoots&&) noexcept;
  ~TimeStampRoots();

  /// `response` is DER (a .tsr file). Errors: Corrupt, saying why it is not believed.
  [[nodiscard]] Result<TimeStamp> verify(std::string_view response, std::string_view data) const;

 private:
  struct Certificates;
  explicit TimeStampRoots(std::unique_ptr<Certificates> certificates);
  std::unique_ptr<Certificates> certificates_;
};

}  // namespace alibi::verify
