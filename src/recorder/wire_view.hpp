#pragma once
// The only reader of bytes that came out of a kernel ring: checks every length
// before use and turns the bytes into typed views. Total: any bytes give a
// view or nothing. Fuzzed.
//
// Views point into the bytes they were made from.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/address.hpp"
#include "event/process_key.hpp"
#include "wire/alibi_event.h"
#include "wire/alibi_tls.h"

namespace alibi::recorder {

/// The record as T, or null when it is too short for one.
template <typename T>
const T* view_as(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(T)) return nullptr;
  return reinterpret_cast<const T*>(bytes.data());
}

/// The header, when the record is at least as long as it says it is.
[[nodiscard]] const alibi_header* view_header(std::span<const std::byte> bytes);

struct ExecView {
  const alibi_exec* fixed;
  std::string_view args;      ///< NUL-terminated strings
  std::string_view exe;       ///< components, leaf first
  std::string_view cwd;       ///< components, leaf first
  std::string_view filename;  ///< with its NUL
};
[[nodiscard]] std::optional<ExecView> view_exec(std::span<const std::byte> bytes);

/// A copy, with the users that the record left out as zero.
[[nodiscard]] std::optional<alibi_flow> view_flow(std::span<const std::byte> bytes);

struct DnsView {
  const alibi_dns* fixed;
  std::span<const std::uint8_t> payload;  ///< what was captured
};
[[nodiscard]] std::optional<DnsView> view_dns(std::span<const std::byte> bytes);

struct PacketView {
  const alibi_packet* fixed;
  std::span<const std::byte> bytes;  ///< of the packet, what was captured
};
[[nodiscard]] std::optional<PacketView> view_packet(std::span<const std::byte> bytes);

struct TlsView {
  const alibi_tls* fixed;
  std::span<const std::byte> bytes;  ///< plain text
};
[[nodiscard]] std::optional<TlsView> view_tls(std::span<const std::byte> bytes);

/// "passwd\0etc\0" -> "/etc/passwd"; nothing -> "/".
[[nodiscard]] std::string join_path(std::string_view leaf_first);
/// NUL-terminated strings to a list; a cut last one is kept.
[[nodiscard]] std::vector<std::string> split_args(std::string_view args);
/// A fixed character array up to its NUL.
[[nodiscard]] std::string_view text_of(std::span<const __u8> chars);

/// "3f2a@4026531840": cookie in hexadecimal, network namespace.
[[nodiscard]] std::string flow_id(std::uint64_t cookie, std::uint32_t net_ns);
/// "tcp", "udp", "icmp", "icmp6", "packet", or the IANA number.
[[nodiscard]] std::string protocol_name(std::uint16_t family, std::uint32_t protocol);

[[nodiscard]] event::ProcessKey key_of(const alibi_process_key& key);
[[nodiscard]] event::IpAddress address_of(std::uint16_t family, const __u8 (&bytes)[16]);
[[nodiscard]] event::Endpoint local_of(const alibi_tuple& tuple);
[[nodiscard]] event::Endpoint remote_of(const alibi_tuple& tuple);

}  // namespace alibi::recorder
