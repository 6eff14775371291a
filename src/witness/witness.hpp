#pragma once
// A witness of transparency logs: C2SP tlog-witness v1.0.0 without HTTP.
// `alibi witness` puts http_server.hpp before it.
//
//   DIR/key      signing key, mode 0600      DIR/vkey   its verification key
//   DIR/history, DIR/state                   history.hpp
//   DIR/logs     verification keys of the logs it serves, one a line, `#` comments
//   DIR/lock     held while a witness runs
//
// Where the same size comes with another root, v1.0.0 says 409 and its later text
// 422; this one says 422. Times: wall clock, seconds since 1970. Thread: any.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "seal/signing_key.hpp"
#include "store/disk.hpp"
#include "witness/history.hpp"

namespace alibi::witness {

struct Answer {
  unsigned status = 200;  ///< of HTTP
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

/// Keys of logs, one a line. Errors: Corrupt with the number of the line.
[[nodiscard]] Result<std::vector<seal::VerificationKey>> parse_logs(std::string_view text);

/// Makes directory, key and an empty history. `name` is a key name of signed-note,
/// best a host and path such as example.org/w1. Errors: Usage, Denied when there is
/// a witness already, Io.
[[nodiscard]] Result<seal::VerificationKey> create_witness(store::Disk& disk,
                                                           const std::filesystem::path& directory,
                                                           const std::string& name);

class Witness {
 public:
  /// Takes the lock. Errors: Denied when another one runs; as History::open.
  static Result<std::unique_ptr<Witness>> open(store::Disk& disk,
                                               const std::filesystem::path& directory,
                                               std::vector<seal::VerificationKey> logs);

  /// One request; what it promises is durable before it returns. A note that is
  /// validly signed and not cosigned is kept as evidence.
  [[nodiscard]] Answer add_checkpoint(std::string_view body, std::uint64_t time_s);
  /// The latest cosigned checkpoint of the log whose origin has this SHA-256, hex.
  [[nodiscard]] Answer checkpoint(std::string_view origin_hash);

  [[nodiscard]] const seal::VerificationKey& key() const { return key_.verification_key(); }
  [[nodiscard]] const std::vector<seal::VerificationKey>& logs() const { return logs_; }
  /// Why nothing is cosigned any more; empty: all is well.
  [[nodiscard]] std::string trouble();

 private:
  struct Request;
  Witness(seal::SigningKey key, std::vector<seal::VerificationKey> logs, UniqueFd lock)
      : key_(std::move(key)), logs_(std::move(logs)), lock_(std::move(lock)) {}

  Answer decide(const Request& request, std::uint64_t time_s);
  Answer refuse(const Request& request, Outcome outcome, Answer answer, std::uint64_t time_s);
  Answer cosign(const Request& request, std::uint64_t time_s);
  Answer fail_to_write(const Error& error);

  seal::SigningKey key_;
  std::vector<seal::VerificationKey> logs_;
  UniqueFd lock_;
  std::mutex mutex_;
  std::unique_ptr<History> history_;  ///< under mutex_
  std::string trouble_;               ///< under mutex_
};

}  // namespace alibi::witness
