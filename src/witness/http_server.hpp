#pragma once
// Witness behind HTTP/1.1 (libmicrohttpd): `POST PREFIX/add-checkpoint` and
// `GET PREFIX/HASH/checkpoint`. Plain HTTP; TLS is for a proxy in front.
//
// Bounded against strangers: 256 connections, 68 KiB a request, 5 s of silence, 30 s
// for a whole request however slowly it trickles. Threads: own ones, 4.

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "witness/witness.hpp"

namespace alibi::witness {

class HttpServer {
 public:
  /// `listen` is ADDRESS:PORT or [ADDRESS]:PORT, numbers; port 0: any. `prefix` is
  /// empty or begins with a slash. `witness` must outlive it. Errors: Usage for the
  /// form; Denied, Io where the address cannot be had.
  static Result<std::unique_ptr<HttpServer>> start(Witness& witness, const std::string& listen,
                                                   std::string prefix);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// Ends requests that are under way.
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const;
  /// Cuts connections that have been at one request for too long. To be called
  /// about once a second.
  void cut_slow();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace alibi::witness
