#pragma once
// pcap-filter(7) expressions, compiled and run by libpcap, for whatever link
// types occur. Thread: one. Host names in an expression are resolved when it is
// compiled, as tcpdump does.

#include <memory>
#include <string>

#include "base/result.hpp"
#include "packet/packet.hpp"

namespace alibi::packet {

class Filter {
 public:
  /// An empty expression matches everything. Errors: Usage, where no link type
  /// can have it; the message is libpcap's, with the place where it is known.
  static Result<std::unique_ptr<Filter>> compile(std::string expression);
  virtual ~Filter() = default;

  /// Errors: Usage, where the expression means nothing on the packet's link type
  /// (such as `ether host` on raw IP).
  virtual Result<bool> matches(const Packet& packet) = 0;
};

}  // namespace alibi::packet
