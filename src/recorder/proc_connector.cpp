#include "recorder/proc_connector.hpp"

#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace alibi::recorder::proc {
namespace {

constexpr std::size_t kConnectorAt = NLMSG_HDRLEN;
constexpr std::size_t kEventAt = kConnectorAt + sizeof(cn_msg);
constexpr std::size_t kUnionAt = kEventAt + 16;  // behind what, cpu, timestamp_ns
constexpr int kReceiveBufferBytes = 256 * 1024;
constexpr std::size_t kMaxMessagesPerDrain = 4096;

template <typename T>
T read_at(std::span<const std::byte> bytes, std::size_t at) {
  T value{};
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Keeps the four kinds we want. Socket filters load words as big-endian.
Status attach_filter(int fd) {
  constexpr std::uint32_t what_at = kEventAt;
  std::array<sock_filter, 7> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what_at),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(proc_event::PROC_EVENT_PTRACE), 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(proc_event::PROC_EVENT_UID), 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(proc_event::PROC_EVENT_GID), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(proc_event::PROC_EVENT_COREDUMP), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    return fail_errno(errno, "filter the process connector");
  }
  return {};
}

Status ask_to_listen(int fd) {
  alignas(NLMSG_ALIGNTO)
      std::array<std::byte, NLMSG_SPACE(sizeof(cn_msg) + sizeof(proc_cn_mcast_op))>
          bytes{};
  nlmsghdr netlink{};
  netlink.nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof(proc_cn_mcast_op));
  netlink.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.len = sizeof(proc_cn_mcast_op);
  const proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
  std::memcpy(bytes.data(), &netlink, sizeof netlink);
  std::memcpy(bytes.data() + kConnectorAt, &connector, sizeof connector);
  std::memcpy(bytes.data() + kEventAt, &operation, sizeof operation);
  if (::send(fd, bytes.data(), netlink.nlmsg_len, 0) < 0) {
    if (errno == ECONNREFUSED)
      return fail(Errc::Unsupported, "the kernel has no process connector here");
    return fail_errno(errno, "listen to the process connector");
  }
  return {};
}

std::uint64_t suspended_ns() {
  const std::int64_t difference = read_clock_ns(CLOCK_BOOTTIME) - read_clock_ns(CLOCK_MONOTONIC);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(difference, 0));
}

}  // namespace

Event decode_proc_message(std::span<const std::byte> bytes, std::uint64_t monotonic_to_boot_ns) {
  const auto netlink = read_at<nlmsghdr>(bytes, 0);
  if (bytes.size() < kUnionAt || netlink.nlmsg_len > bytes.size()) return Malformed{};
  const auto connector = read_at<cn_msg>(bytes, kConnectorAt);
  if (connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC) return Malformed{};
  const auto what = read_at<std::uint32_t>(bytes, kEventAt);
  const BootNs boot{read_at<std::uint64_t>(bytes, kEventAt + 8) + monotonic_to_boot_ns};
  const auto field = [&](std::size_t index) {
    return read_at<std::uint32_t>(bytes, kUnionAt + index * 4);
  };
  const auto has_fields = [&](std::size_t count) { return bytes.size() >= kUnionAt + count * 4; };
  switch (what) {
    case proc_event::PROC_EVENT_PTRACE:
      if (!has_fields(4)) return Malformed{};
      return Ptrace{field(1), field(0), field(3), field(2), boot};
    case proc_event::PROC_EVENT_UID:
      if (!has_fields(4)) return Malformed{};
      return UserChange{field(1), field(0), field(2), field(3), boot};
    case proc_event::PROC_EVENT_GID:
      if (!has_fields(4)) return Malformed{};
      return GroupChange{field(1), field(0), field(2), field(3), boot};
    case proc_event::PROC_EVENT_COREDUMP:
      if (!has_fields(2)) return Malformed{};
      return CoreDump{field(1), field(0), boot};
    default: return Ignored{};
  }
}

Result<ProcConnector> ProcConnector::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR));
  if (!fd.is_open()) {
    if (errno == EPROTONOSUPPORT)
      return fail(Errc::Unsupported, "the kernel has no netlink connector");
    return fail_errno(errno, "open the process connector");
  }
  if (auto filtered = attach_filter(fd.get()); !filtered) return std::unexpected(filtered.error());
  // Without the capability to go beyond rmem_max the default size stays.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
               sizeof kReceiveBufferBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = CN_IDX_PROC;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno(errno, "join the process connector (needs CAP_NET_ADMIN before Linux 6.6)");
  }
  if (auto asked = ask_to_listen(fd.get()); !asked) return std::unexpected(asked.error());
  return ProcConnector(std::move(fd));
}

Result<std::size_t> ProcConnector::drain(const OnEvent& on_event) {
  alignas(NLMSG_ALIGNTO) std::array<std::byte, 1024> buffer{};
  const std::uint64_t offset_ns = suspended_ns();
  for (std::size_t count = 0; count < kMaxMessagesPerDrain;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof sender;
    const ssize_t size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return count;
      if (errno != ENOBUFS) return fail_errno(errno, "read the process connector");
      ++overflows_;
      continue;
    }
    ++count;
    if (sender.nl_pid != 0) continue;  // another process, not the kernel
    const auto event =
        decode_proc_message(std::span(buffer).first(static_cast<std::size_t>(size)), offset_ns);
    if (!std::holds_alternative<Ignored>(event)) on_event(event);
  }
  return kMaxMessagesPerDrain;
}

}  // namespace alibi::recorder::proc
