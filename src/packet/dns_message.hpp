#pragma once
// DNS messages (RFC 1035) as they passed a socket, decoded as far as the bytes
// go: a kernel hook may have copied only the beginning. Names come out in the
// presentation form of libresolv (odd bytes as \DDD), in the letter case of the
// message; the root is ".".
//
// Reads only what the log tells: the questions and the answer section.
// Bounded: at most kMaxQuestions and kMaxAnswers are kept, the rest is counted.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "event/address.hpp"

namespace alibi::packet {

inline constexpr std::size_t kMaxQuestions = 8;
inline constexpr std::size_t kMaxAnswers = 128;

struct DnsQuestion {
  std::string name;
  std::string type;  ///< "A", "AAAA", ... or "TYPE123" (RFC 3597)
};

struct DnsRecord {
  std::string name;  ///< owner
  std::string type;
  std::uint32_t ttl_s = 0;
  std::optional<event::IpAddress> address;  ///< of A and AAAA
  std::string target;                       ///< of CNAME, DNAME, PTR, NS; else empty
};

struct DnsMessage {
  std::uint16_t id = 0;
  bool is_answer = false;
  std::string rcode;  ///< "NOERROR", "NXDOMAIN", ... or "RCODE12"; meaningful in answers
  std::vector<DnsQuestion> questions;
  std::vector<DnsRecord> answers;
  std::size_t answers_left_out = 0;  ///< announced by the header, not in `answers`
  bool is_cut = false;  ///< the bytes ended, or stopped making sense, before the answer section did
  bool is_tc = false;   ///< the server itself shortened it (TC bit)
};

enum class DnsTransport : std::uint8_t { Udp, Tcp };

/// `bytes` is the payload of one datagram, or (Tcp) begins with the two bytes
/// of length that precede a message in the stream; only that message is read.
///
/// Errors: Corrupt where not even the header and one whole question (if any is
/// announced) could be read, or the operation is none of a query.
[[nodiscard]] Result<DnsMessage> decode_dns_message(std::span<const std::uint8_t> bytes,
                                                    DnsTransport transport);

struct NamedAddress {
  std::string name;  ///< the question that led to the address, through aliases
  event::IpAddress address;
  std::uint32_t ttl_s = 0;  ///< the smallest on the way
};

/// What an answer taught its asker: every address reachable from a question.
[[nodiscard]] std::vector<NamedAddress> named_addresses(const DnsMessage& message);

}  // namespace alibi::packet
