// IP Messenger (protocol draft 9 and later, UDP 2425): one SENDMSG, and its
// receipt. "1:number:user:host:command:text"; the number joins both.

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "notify/message.hpp"

namespace alibi::notify {
namespace {

constexpr unsigned kSendMessage = 0x20;
constexpr unsigned kReceiveMessage = 0x21;
constexpr unsigned kCheckReceipt = 0x100;
constexpr unsigned kUtf8 = 0x800000;
constexpr unsigned kCommandMask = 0xff;
constexpr std::size_t kTextMax = 1200;  // one packet on every way
constexpr int kAttempts = 3;
constexpr int kPatienceMs = 1000;

struct Target {
  std::string host;
  std::string port = "2425";
};

/// "host", "host:port", "[v6]:port", "v6".
Target split(const std::string& text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    Target target{text.substr(1, end - 1)};
    if (end != std::string::npos && text.substr(end + 1).starts_with(':'))
      target.port = text.substr(end + 2);
    return target;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos) return {text};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string own_host() {
  char name[256] = "";
  (void)::gethostname(name, sizeof(name) - 1);
  std::string host(name);
  for (char& c : host)
    if (c == ':') c = '_';
  return host;
}

/// Cut between characters, not within one.
std::string short_text(std::string text) {
  if (text.size() <= kTextMax) return text;
  text.resize(kTextMax);
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
    text.pop_back();
  if (!text.empty()) text.pop_back();
  return text;
}

bool wait_receipt(int fd, std::string_view number) {
  const std::int64_t until = read_clock_ns(CLOCK_MONOTONIC) / 1'000'000 + kPatienceMs;
  for (;;) {
    const std::int64_t left = until - read_clock_ns(CLOCK_MONOTONIC) / 1'000'000;
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return false;
    char buffer[1500];
    const ssize_t bytes = ::recv(fd, buffer, sizeof(buffer), 0);
    if (bytes <= 0) return false;  // ECONNREFUSED: nobody listens there
    if (is_receipt({buffer, static_cast<std::size_t>(bytes)}, number)) return true;
  }
}

}  // namespace

bool is_receipt(std::string_view answer, std::string_view number) {
  for (int field = 0; field < 4; ++field) {
    const std::size_t colon = answer.find(':');
    if (colon == std::string_view::npos) return false;
    answer.remove_prefix(colon + 1);
  }
  unsigned command = 0;
  const auto [end, error] = std::from_chars(answer.data(), answer.data() + answer.size(), command);
  if (error != std::errc() || (command & kCommandMask) != kReceiveMessage) return false;
  answer.remove_prefix(static_cast<std::size_t>(end - answer.data()));
  if (!answer.starts_with(':') || !answer.substr(1).starts_with(number)) return false;
  answer.remove_prefix(1 + number.size());
  return answer.empty() || answer[0] == '\0' || answer[0] == ':';
}

Status send_messenger(const Message& message) {
  const Target target = split(message.target[0]);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found);
      error != 0)
    return fail(Errc::Io, fmt::format("{}: {}", message.target[0], ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const UniqueFd fd(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open() || ::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0)
    return fail_errno(errno, "connect to " + message.target[0]);
  // The same over all attempts: the receiver shows a message once.
  const std::string number = std::to_string(std::hash<std::string>()(message.id) % 2'000'000'000);
  const std::string packet =
      fmt::format("1:{}:alibi:{}:{}:{}", number, own_host(), kSendMessage | kCheckReceipt | kUtf8,
                  short_text(message.subject + "\n" + message.text));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    (void)::send(fd.get(), packet.c_str(), packet.size() + 1, 0);
    if (wait_receipt(fd.get(), number)) return {};
  }
  return fail(Errc::Io, fmt::format("{} did not confirm", message.target[0]));
}

}  // namespace alibi::notify
