// Mail (RFC 5321, 5322) and webhooks, by libcurl.

#include <curl/curl.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "notify/message.hpp"

namespace alibi::notify {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kSeconds = 30;
constexpr long kHttpSuccess = 200;
constexpr long kHttpNoSuccess = 300;

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

Handle new_handle(const std::string& url) {
  static const CURLcode is_ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(is_ready == CURLE_OK ? ::curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!handle) return handle;
  ::curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  ::curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT, kSeconds);
  ::curl_easy_setopt(handle.get(), CURLOPT_NOPROXY, "*");
  return handle;
}

Status perform(CURL* handle, const std::string& what) {
  char detail[CURL_ERROR_SIZE] = "";
  ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail);
  const CURLcode code = ::curl_easy_perform(handle);
  if (code == CURLE_OK) return {};
  return fail(Errc::Io, fmt::format("{}: {}", what, *detail ? detail : ::curl_easy_strerror(code)));
}

/// For a header: one line, and no bytes that could end it.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

std::string date_text(std::int64_t unix_s) {
  const time_t at = unix_s;
  tm parts{};
  ::gmtime_r(&at, &parts);
  char text[64];
  const std::size_t bytes = ::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return {text, bytes};
}

std::string mail_text(const Message& message) {
  std::string out = fmt::format(
      "Date: {}\r\nFrom: <{}>\r\nTo: <{}>\r\nMessage-ID: <{}@{}>\r\nSubject: {}\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
      date_text(message.created_s), header_text(message.from), header_text(message.target[0]),
      message.id, header_text(message.from.substr(message.from.find('@') + 1)),
      header_text(message.subject));
  for (const char c : message.text)
    out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

struct Upload {
  std::string text;
  std::size_t at = 0;
};

std::size_t read_upload(char* to, std::size_t size, std::size_t count, void* data) {
  auto& upload = *static_cast<Upload*>(data);
  const std::size_t bytes = std::min(size * count, upload.text.size() - upload.at);
  std::memcpy(to, upload.text.data() + upload.at, bytes);
  upload.at += bytes;
  return bytes;
}

std::size_t drop_answer(char*, std::size_t size, std::size_t count, void*) { return size * count; }

}  // namespace

Status send_mail(const Message& message) {
  const Handle handle = new_handle(message.server);
  const std::string from = "<" + message.from + ">";
  const std::string to = "<" + message.target[0] + ">";
  const List recipients(::curl_slist_append(nullptr, to.c_str()), curl_slist_free_all);
  if (!handle || !recipients) return fail(Errc::Internal, "libcurl has no memory");
  Upload upload{mail_text(message)};
  ::curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  ::curl_easy_setopt(handle.get(), CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_TRY));
  ::curl_easy_setopt(handle.get(), CURLOPT_MAIL_FROM, from.c_str());
  ::curl_easy_setopt(handle.get(), CURLOPT_MAIL_RCPT, recipients.get());
  ::curl_easy_setopt(handle.get(), CURLOPT_READFUNCTION, read_upload);
  ::curl_easy_setopt(handle.get(), CURLOPT_READDATA, &upload);
  ::curl_easy_setopt(handle.get(), CURLOPT_UPLOAD, 1L);
  return perform(handle.get(), fmt::format("mail to {} by {}", message.target[0], message.server));
}

Status post_webhook(const Message& message) {
  const Handle handle = new_handle(message.target[0]);
  List headers(::curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  const std::string id = "Idempotency-Key: \"" + message.id + "\"";
  if (!handle || !headers || !::curl_slist_append(headers.get(), id.c_str()))
    return fail(Errc::Internal, "libcurl has no memory");
  ::curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, message.text.c_str());
  ::curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(message.text.size()));
  ::curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, drop_answer);
  if (auto done = perform(handle.get(), message.target[0]); !done) return done;
  long status = 0;
  ::curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status >= kHttpSuccess && status < kHttpNoSuccess) return {};
  return fail(Errc::Io, fmt::format("{} answered {}", message.target[0], status));
}

}  // namespace alibi::notify
