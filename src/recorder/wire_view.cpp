#include "recorder/wire_view.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "packet/headers.hpp"

namespace alibi::recorder {

const alibi_header* view_header(std::span<const std::byte> bytes) {
  const auto* header = view_as<alibi_header>(bytes);
  return header && header->size <= bytes.size() && header->size >= sizeof(alibi_header) ? header
                                                                                        : nullptr;
}

std::optional<ExecView> view_exec(std::span<const std::byte> bytes) {
  const auto* fixed = view_as<alibi_exec>(bytes);
  if (!fixed) return std::nullopt;
  std::string_view tail(reinterpret_cast<const char*>(bytes.data()) + sizeof(*fixed),
                        bytes.size() - sizeof(*fixed));
  ExecView view{fixed, {}, {}, {}, {}};
  for (auto [part, length] :
       {std::pair{&view.args, fixed->args_bytes}, std::pair{&view.exe, fixed->exe_bytes},
        std::pair{&view.cwd, fixed->cwd_bytes}, std::pair{&view.filename, fixed->filename_bytes}}) {
    if (length > tail.size()) return std::nullopt;
    *part = tail.substr(0, length);
    tail.remove_prefix(length);
  }
  return view;
}

std::optional<alibi_flow> view_flow(std::span<const std::byte> bytes) {
  constexpr std::size_t kFixedBytes = offsetof(alibi_flow, users);
  if (bytes.size() < kFixedBytes) return std::nullopt;
  alibi_flow flow{};
  std::memcpy(&flow, bytes.data(), std::min(bytes.size(), sizeof(flow)));
  const std::size_t users = (bytes.size() - kFixedBytes) / sizeof(alibi_socket_user);
  flow.user_count = static_cast<std::uint8_t>(
      std::min({std::size_t{flow.user_count}, users, std::size_t{ALIBI_USERS_MAX}}));
  return flow;
}

std::optional<DnsView> view_dns(std::span<const std::byte> bytes) {
  const auto* fixed = view_as<alibi_dns>(bytes);
  if (!fixed || bytes.size() - sizeof(*fixed) < fixed->captured_bytes) return std::nullopt;
  return DnsView{fixed, {reinterpret_cast<const std::uint8_t*>(fixed + 1), fixed->captured_bytes}};
}

std::optional<PacketView> view_packet(std::span<const std::byte> bytes) {
  const auto* fixed = view_as<alibi_packet>(bytes);
  if (!fixed || bytes.size() - sizeof(*fixed) < fixed->captured_bytes) return std::nullopt;
  return PacketView{fixed, bytes.subspan(sizeof(*fixed), fixed->captured_bytes)};
}

std::optional<TlsView> view_tls(std::span<const std::byte> bytes) {
  const auto* fixed = view_as<alibi_tls>(bytes);
  if (!fixed || bytes.size() - sizeof(*fixed) < fixed->captured_bytes) return std::nullopt;
  return TlsView{fixed, bytes.subspan(sizeof(*fixed), fixed->captured_bytes)};
}

std::vector<std::string> split_args(std::string_view args) {
  std::vector<std::string> list;
  while (!args.empty()) {
    const std::size_t end = std::min(args.find('\0'), args.size());
    list.emplace_back(args.substr(0, end));
    args.remove_prefix(std::min(end + 1, args.size()));
  }
  return list;
}

std::string join_path(std::string_view leaf_first) {
  const auto components = split_args(leaf_first);
  std::string path;
  for (auto at = components.rbegin(); at != components.rend(); ++at) {
    if (!at->starts_with('/')) path += '/';  // memfd and the like bring their own
    path += *at;
  }
  return path.empty() ? "/" : path;
}

std::string_view text_of(std::span<const __u8> chars) {
  const auto* begin = reinterpret_cast<const char*>(chars.data());
  return {begin, static_cast<std::size_t>(std::find(begin, begin + chars.size(), '\0') - begin)};
}

std::string flow_id(std::uint64_t cookie, std::uint32_t net_ns) {
  return fmt::format("{:x}@{}", cookie, net_ns);
}

std::string protocol_name(std::uint16_t family, std::uint32_t protocol) {
  if (family == AF_PACKET) return "packet";
  // Sockets know numbers that no packet has (IPPROTO_MPTCP is 262).
  if (protocol > UINT8_MAX) return std::to_string(protocol);
  return packet::protocol_name(static_cast<std::uint8_t>(protocol));
}

event::ProcessKey key_of(const alibi_process_key& key) {
  return {key.start_boot_ns / 1000, key.tgid};
}

event::IpAddress address_of(std::uint16_t family, const __u8 (&bytes)[16]) {
  if (family == AF_INET6) return event::ipv6(bytes);
  const std::uint8_t octets[4] = {bytes[0], bytes[1], bytes[2], bytes[3]};
  return event::ipv4(octets);
}

namespace {

std::optional<std::uint16_t> port_of(const alibi_tuple& tuple, std::uint16_t port) {
  if (tuple.protocol == IPPROTO_TCP || tuple.protocol == IPPROTO_UDP) return port;
  return std::nullopt;
}

}  // namespace

event::Endpoint local_of(const alibi_tuple& tuple) {
  return {address_of(tuple.family, tuple.local), port_of(tuple, tuple.local_port)};
}

event::Endpoint remote_of(const alibi_tuple& tuple) {
  return {address_of(tuple.family, tuple.remote), port_of(tuple, tuple.remote_port)};
}

}  // namespace alibi::recorder
