#include "mark/uplinks.hpp"

#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace alibi::mark {
namespace {

constexpr std::array<std::string_view, 9> kInner = {"veth",  "bridge", "dummy", "ifb",     "netkit",
                                                    "nlmon", "vcan",   "vrf",   "vsockmon"};

Result<UniqueFd> open_route_socket(std::uint32_t groups) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (!fd.is_open() ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return fail_errno(errno, "open a route socket");
  return fd;
}

std::string text_of(const rtattr* attribute) {
  const auto* data = static_cast<const char*>(RTA_DATA(attribute));
  return {data, ::strnlen(data, RTA_PAYLOAD(attribute))};
}

void read_link_info(const rtattr* info, Device& device) {
  auto left = static_cast<int>(RTA_PAYLOAD(info));
  for (auto* at = static_cast<const rtattr*>(RTA_DATA(info)); RTA_OK(at, left);
       at = RTA_NEXT(at, left))
    if (at->rta_type == IFLA_INFO_KIND) device.kind = text_of(at);
}

Device read_link(const nlmsghdr* message) {
  Device device;
  const auto* link = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  device.index = static_cast<std::uint32_t>(link->ifi_index);
  device.link_type = link->ifi_type;
  auto left = static_cast<int>(IFLA_PAYLOAD(message));
  for (const rtattr* at = IFLA_RTA(link); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type == IFLA_IFNAME) device.name = text_of(at);
    if ((at->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO) read_link_info(at, device);
  }
  return device;
}

/// False: the last message of the answer.
bool read_answer(std::span<std::byte> bytes, std::vector<Device>& devices) {
  auto left = static_cast<unsigned>(bytes.size());
  for (auto* at = reinterpret_cast<const nlmsghdr*>(bytes.data()); NLMSG_OK(at, left);
       at = NLMSG_NEXT(at, left)) {
    if (at->nlmsg_type == NLMSG_DONE || at->nlmsg_type == NLMSG_ERROR) return false;
    if (at->nlmsg_type == RTM_NEWLINK && at->nlmsg_len >= NLMSG_LENGTH(sizeof(ifinfomsg)))
      devices.push_back(read_link(at));
  }
  return true;
}

}  // namespace

bool Device::leads_out() const {
  if (link_type == ARPHRD_LOOPBACK) return false;
  if (kind == "tun") return link_type != ARPHRD_ETHER;  // a tap is a virtual machine's
  return std::ranges::find(kInner, kind) == kInner.end();
}

Result<std::vector<Device>> list_devices() {
  auto fd = open_route_socket(0);
  if (!fd) return std::unexpected(fd.error());
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = RTM_GETLINK;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (::send(fd->get(), &question, sizeof(question), 0) != sizeof(question))
    return fail_errno(errno, "ask for the network devices");
  std::vector<Device> devices;
  alignas(nlmsghdr) std::array<std::byte, 65536> answer{};
  bool is_more = true;
  while (is_more) {
    const ssize_t bytes = ::recv(fd->get(), answer.data(), answer.size(), 0);
    if (bytes < 0) return fail_errno(errno, "read the network devices");
    is_more =
        bytes > 0 && read_answer(std::span(answer).first(static_cast<std::size_t>(bytes)), devices);
  }
  return devices;
}

Result<UniqueFd> watch_devices() { return open_route_socket(RTMGRP_LINK); }

}  // namespace alibi::mark
