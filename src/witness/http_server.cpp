#include "witness/http_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <map>
#include <mutex>

#include "base/clock.hpp"
#include "witness/add_checkpoint.hpp"

namespace alibi::witness {
namespace {

constexpr unsigned kConnections = 256;
constexpr unsigned kSilenceS = 5;
constexpr std::uint64_t kRequestNs = 30'000'000'000;
constexpr unsigned kThreads = 4;
constexpr std::size_t kConnectionMemory = 32U << 10;  ///< headers; more is refused by the library

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Result<Address> parse_address(const std::string& listen) {
  const auto wrong = [&] {
    return fail(Errc::Usage, fmt::format("'{}' is no address to listen at; such as 127.0.0.1:8787 "
                                         "or [::1]:8787",
                                         listen));
  };
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::uint16_t port = 0;
  const char* const end = listen.data() + listen.size();
  const auto parsed = std::from_chars(listen.data() + colon + 1, end, port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return wrong();
  std::string host = listen.substr(0, colon);
  Address address{};
  if (host.starts_with('[') && host.ends_with(']')) {
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) != 1) return wrong();
    return address;
  }
  address.v4.sin_family = AF_INET;
  address.v4.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) != 1) return wrong();
  return address;
}

/// One request while its body arrives.
struct Pending {
  std::string body;
  bool is_too_long = false;
};

}  // namespace

struct HttpServer::State {
  State(Witness& for_witness, std::string at) : witness(for_witness), prefix(std::move(at)) {}

  Witness& witness;
  std::string prefix;
  MHD_Daemon* daemon = nullptr;
  std::mutex mutex;
  std::map<int, BootNs>
      since;  ///< by socket: when its connection or last request ended; under mutex

  Answer answer(std::string_view method, std::string_view url, const Pending& pending) {
    if (!url.starts_with(prefix)) return not_found();
    url.remove_prefix(prefix.size());
    if (url == "/add-checkpoint") {
      if (method != MHD_HTTP_METHOD_POST) return {405, "this is a POST request\n"};
      if (pending.is_too_long) return {413, "the request is too long\n"};
      return witness.add_checkpoint(pending.body,
                                    static_cast<std::uint64_t>(wall_now().ns / 1'000'000'000));
    }
    constexpr std::string_view kEnd = "/checkpoint";
    if (url.size() != 1 + 64 + kEnd.size() || !url.ends_with(kEnd)) return not_found();
    if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD)
      return {405, "this is a GET request\n"};
    return witness.checkpoint(url.substr(1, 64));
  }

  static Answer not_found() {
    return {404, "this is a witness: POST add-checkpoint, GET HASH/checkpoint\n"};
  }

  MHD_Result send(MHD_Connection* connection, const Answer& answer) {
    // The library promises not to write where it is told to copy.
    MHD_Response* response = MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    const MHD_Result done = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return done;
  }

  /// Called with nothing when the headers are there, with each part of the body,
  /// and once more at its end.
  MHD_Result handle(MHD_Connection* connection, const char* url, const char* method,
                    const char* part, std::size_t* part_size, void** context) {
    auto* pending = static_cast<Pending*>(*context);
    if (!pending) {
      *context = new Pending;
      return MHD_YES;
    }
    if (*part_size > 0) {
      pending->is_too_long =
          pending->is_too_long || pending->body.size() + *part_size > kRequestBytesMax;
      if (!pending->is_too_long) pending->body.append(part, *part_size);
      *part_size = 0;
      return MHD_YES;
    }
    return send(connection, answer(method, url, *pending));
  }

  void note(MHD_Connection* connection, bool is_open) {
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!info) return;
    const std::scoped_lock held(mutex);
    if (is_open)
      since[info->connect_fd] = boot_now();
    else
      since.erase(info->connect_fd);
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { MHD_stop_daemon(state_->daemon); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(Witness& witness, const std::string& listen,
                                                      std::string prefix) {
  if ((!prefix.empty() && !prefix.starts_with('/')) || prefix.ends_with('/'))
    return fail(Errc::Usage, "a prefix begins with a slash and ends without one, such as /w1");
  const auto address = parse_address(listen);
  if (!address) return std::unexpected(address.error());
  auto state = std::make_unique<State>(witness, std::move(prefix));

  const MHD_AccessHandlerCallback on_request =
      [](void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
         const char* part, std::size_t* part_size, void** context) -> MHD_Result {
    return static_cast<State*>(self)->handle(connection, url, method, part, part_size, context);
  };
  const MHD_RequestCompletedCallback on_completed = [](void* self, MHD_Connection* connection,
                                                       void** context, MHD_RequestTerminationCode) {
    delete static_cast<Pending*>(std::exchange(*context, nullptr));
    static_cast<State*>(self)->note(connection, true);  // the next request has its own time
  };
  const MHD_NotifyConnectionCallback on_connection =
      [](void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
        static_cast<State*>(self)->note(connection, code == MHD_CONNECTION_NOTIFY_STARTED);
      };
  const unsigned ipv6 = address->any.sa_family == AF_INET6 ? MHD_USE_IPv6 : MHD_NO_FLAG;
  errno = 0;
  state->daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | ipv6, 0, nullptr, nullptr, on_request,
      state.get(), MHD_OPTION_SOCK_ADDR, &address->any, MHD_OPTION_THREAD_POOL_SIZE, kThreads,
      MHD_OPTION_CONNECTION_LIMIT, kConnections, MHD_OPTION_CONNECTION_TIMEOUT, kSilenceS,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemory, MHD_OPTION_NOTIFY_COMPLETED,
      on_completed, state.get(), MHD_OPTION_NOTIFY_CONNECTION, on_connection, state.get(),
      MHD_OPTION_END);
  if (!state->daemon) return fail_errno(errno != 0 ? errno : EIO, "listen at " + listen);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

std::uint16_t HttpServer::port() const {
  const auto* info = MHD_get_daemon_info(state_->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

void HttpServer::cut_slow() {
  const std::scoped_lock held(state_->mutex);
  for (const auto& [socket, since] : state_->since) {
    if (since.ns + kRequestNs < boot_now().ns) ::shutdown(socket, SHUT_RDWR);
  }
}

}  // namespace alibi::witness
