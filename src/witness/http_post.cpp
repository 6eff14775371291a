#include "witness/http_post.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/clock.hpp"
#include "witness/add_checkpoint.hpp"

namespace alibi::witness {
namespace {

constexpr int kPollMs = 100;  ///< how late a changed deadline is seen

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + count > kReplyBytesMax) return 0;
  body.append(bytes, count);
  return count;
}

/// One request under way.
struct Transfer {
  std::unique_ptr<CURL, FreeEasy> easy;
  std::unique_ptr<curl_slist, FreeList> headers;
  std::string body;
  std::array<char, CURL_ERROR_SIZE> error{};
  bool is_done = false;
  CURLcode code = CURLE_OK;
};

void add_header(Transfer& transfer, const std::string& line) {
  if (curl_slist* longer = curl_slist_append(transfer.headers.get(), line.c_str())) {
    (void)transfer.headers.release();
    transfer.headers.reset(longer);
  }
}

void prepare(Transfer& transfer, const HttpPost& post, std::uint32_t timeout_ms) {
  CURL* const easy = transfer.easy.get();
  add_header(transfer, "Content-Type: " + post.content_type);
  if (!post.accept.empty()) add_header(transfer, "Accept: " + post.accept);
  add_header(transfer, "Expect:");  // no waiting for 100 Continue
  curl_easy_setopt(easy, CURLOPT_URL, post.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ms));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "alibi/" ALIBI_VERSION);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post.body.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer.body);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
}

void collect_finished(CURLM* multi, std::vector<Transfer>& transfers) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto transfer = std::ranges::find_if(
        transfers, [&](const Transfer& t) { return t.easy.get() == message->easy_handle; });
    if (transfer == transfers.end()) continue;
    transfer->is_done = true;
    transfer->code = message->data.result;
  }
}

void run(CURLM* multi, std::vector<Transfer>& transfers,
         const std::atomic<std::uint64_t>& give_up_boot_ns) {
  int running = 1;
  while (running > 0 && boot_now().ns < give_up_boot_ns.load()) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) return;
    collect_finished(multi, transfers);
    if (running > 0 && curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr) != CURLM_OK) return;
  }
}

std::string media_type(const char* text) {
  std::string type = text ? text : "";
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' '))
    type.pop_back();
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return type;
}

Result<HttpReply> result_of(Transfer& transfer) {
  if (!transfer.easy) return fail(Errc::Io, "out of memory");
  if (!transfer.is_done) return fail(Errc::Io, "no answer in time");
  if (transfer.code != CURLE_OK) {
    const std::string detail = transfer.error.data();
    const bool is_url =
        transfer.code == CURLE_URL_MALFORMAT || transfer.code == CURLE_UNSUPPORTED_PROTOCOL;
    return fail(is_url ? Errc::Usage : Errc::Io,
                detail.empty() ? curl_easy_strerror(transfer.code) : detail);
  }
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_CONTENT_TYPE, &type);
  return HttpReply{static_cast<unsigned>(status), media_type(type), std::move(transfer.body)};
}

}  // namespace

std::vector<Result<HttpReply>> post_all(std::span<const HttpPost> posts, std::uint32_t timeout_ms,
                                        const std::atomic<std::uint64_t>& give_up_boot_ns) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURLM, FreeMulti> multi(initialised == CURLE_OK ? curl_multi_init()
                                                                        : nullptr);
  std::vector<Transfer> transfers(posts.size());  // stays where it is: libcurl points into it
  for (std::size_t i = 0; multi && i < posts.size(); ++i) {
    transfers[i].easy.reset(curl_easy_init());
    if (!transfers[i].easy) continue;
    prepare(transfers[i], posts[i], timeout_ms);
    curl_multi_add_handle(multi.get(), transfers[i].easy.get());
  }
  if (multi) run(multi.get(), transfers, give_up_boot_ns);
  std::vector<Result<HttpReply>> results;
  for (Transfer& transfer : transfers) {
    results.push_back(result_of(transfer));
    if (multi && transfer.easy) curl_multi_remove_handle(multi.get(), transfer.easy.get());
  }
  return results;
}

}  // namespace alibi::witness
