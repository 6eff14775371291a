#include "mark/service.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/unique_fd.hpp"
#include "mark/uplinks.hpp"

namespace alibi::mark {
namespace {

constexpr std::size_t kClientsMax = 32;
constexpr std::uint64_t kPatienceNs = 5'000'000'000;  // with a client that says nothing
constexpr std::uint64_t kRefreshEveryNs = 10'000'000'000;
constexpr int kTickMs = 500;
constexpr std::size_t kAnswerBytesMax = 16384;

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(address.sun_path))
    return fail(Errc::Usage, fmt::format("{} is too long for a socket", path.string()));
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<UniqueFd> make_socket(const std::filesystem::path& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  std::filesystem::remove(path, ignored);
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t mask = ::umask(0117);
  const bool is_bound = fd.is_open() && ::bind(fd.get(), generic(*address), sizeof(*address)) == 0;
  const int error = errno;
  ::umask(mask);
  if (!is_bound || ::listen(fd.get(), kClientsMax) != 0)
    return fail_errno(is_bound ? errno : error, "listen on " + path.string());
  if (const group* members = ::getgrnam(kGroup))
    if (::chown(path.c_str(), 0, members->gr_gid) != 0)
      return fail_errno(errno, "give " + path.string() + " to the group " + kGroup);
  return fd;
}

struct Client {
  UniqueFd fd;
  BootNs since;
};

Caller caller_of(int fd) {
  ucred credentials{};
  socklen_t bytes = sizeof(credentials);
  Caller caller{.via = "socket"};
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) == 0) {
    caller.pid = static_cast<std::uint32_t>(credentials.pid);
    caller.uid = credentials.uid;
  }
  return caller;
}

std::string error_text(const Error& error) {
  return fmt::format("error {} {}", static_cast<int>(error.code), error.message);
}

std::string answer(Sender& sender, const Client& client, std::string_view line,
                   const event::DiagnosisNames& names) {
  while (line.ends_with('\n'))
    line.remove_suffix(1);
  const auto request = parse_request(line);
  if (!request) return error_text(request.error());
  const auto listing = sender.act(*request, caller_of(client.fd.get()));
  return listing ? to_json(*listing, names) : error_text(listing.error());
}

/// One message of a client; it may say more later. False: it is gone.
bool hear(Sender& sender, Client& client, const event::DiagnosisNames& names) {
  std::array<char, kMaxRequestBytes + 2> bytes{};
  const ssize_t got = ::recv(client.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
  const std::string said =
      answer(sender, client, {bytes.data(), static_cast<std::size_t>(got)}, names);
  client.since = boot_now();
  return ::send(client.fd.get(), said.data(), said.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(said.size());
}

void drain(int fd) {
  std::array<char, 8192> nothing{};
  while (::recv(fd, nothing.data(), nothing.size(), MSG_DONTWAIT) > 0) {
  }
}

class Service {
 public:
  Service(Sender& sender, UniqueFd listener, const event::DiagnosisNames& names)
      : sender_(sender), listener_(std::move(listener)), names_(names) {}

  Status run(const std::function<bool()>& was_interrupted) {
    auto changes = watch_devices();
    if (!changes) return std::unexpected(changes.error());
    BootNs next_refresh;
    while (!was_interrupted()) {
      std::vector<pollfd> waiting{{listener_.get(), POLLIN, 0}, {changes->get(), POLLIN, 0}};
      for (const Client& client : clients_)
        waiting.push_back({client.fd.get(), POLLIN, 0});
      (void)::poll(waiting.data(), waiting.size(), kTickMs);
      if (waiting[1].revents) {
        drain(changes->get());
        next_refresh = {};
      }
      hear_clients(waiting);
      if (waiting[0].revents) accept_client();
      if (boot_now() < next_refresh) continue;
      next_refresh.ns = boot_now().ns + kRefreshEveryNs;
      if (const auto done = sender_.refresh(); !done)
        fmt::print(stderr, "alibi mark: {}\n", done.error().message);
    }
    return {};
  }

 private:
  void hear_clients(const std::vector<pollfd>& waiting) {
    const std::uint64_t now = boot_now().ns;
    std::vector<Client> staying;
    for (std::size_t k = 0; k < clients_.size(); ++k) {
      const bool has_said = waiting[k + 2].revents != 0;
      if (has_said ? hear(sender_, clients_[k], names_) : clients_[k].since.ns + kPatienceNs > now)
        staying.push_back(std::move(clients_[k]));
    }
    clients_ = std::move(staying);
  }

  void accept_client() {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_open() && clients_.size() < kClientsMax)
      clients_.push_back({std::move(fd), boot_now()});
  }

  Sender& sender_;
  UniqueFd listener_;
  const event::DiagnosisNames& names_;
  std::vector<Client> clients_;
};

}  // namespace

Status serve(Sender& sender, const std::filesystem::path& path, const event::DiagnosisNames& names,
             const std::function<bool()>& was_interrupted) {
  UniqueFd listener;
  const bool is_handed_over = ::sd_listen_fds(1) == 1;
  if (is_handed_over) {
    listener = UniqueFd(SD_LISTEN_FDS_START);
  } else {
    auto made = make_socket(path);
    if (!made) return std::unexpected(made.error());
    listener = std::move(*made);
  }
  ::sd_notify(0, "READY=1");
  Status done = Service(sender, std::move(listener), names).run(was_interrupted);
  std::error_code ignored;
  if (!is_handed_over) std::filesystem::remove(path, ignored);
  return done;
}

Result<Listing> ask(const std::filesystem::path& path, const Request& request) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fail_errno(errno, "make a socket");
  if (::connect(fd.get(), generic(*address), sizeof(*address)) != 0) {
    if (errno == EACCES)
      return fail(Errc::Denied, fmt::format("only root and the group {} may mark", kGroup));
    return fail(
        Errc::NotFound,
        fmt::format("nobody serves {}; run as root, or start 'alibi mark serve'", path.string()));
  }
  const std::string line = to_text(request);
  std::vector<char> bytes(kAnswerBytesMax);
  if (::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0)
    return fail_errno(errno, "ask " + path.string());
  const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
  if (got <= 0) return fail(Errc::Io, fmt::format("{} did not answer", path.string()));
  const std::string_view said(bytes.data(), static_cast<std::size_t>(got));
  if (!said.starts_with("error ")) return parse_listing(said);
  unsigned code = 1;
  const auto parsed = std::from_chars(said.data() + 6, said.data() + said.size(), code);
  const bool is_known = parsed.ec == std::errc{} && code >= 1 && code <= 7;
  return fail(is_known ? static_cast<Errc>(code) : Errc::Internal,
              std::string(said.substr(std::min<std::size_t>(8, said.size()))));
}

}  // namespace alibi::mark
