#include "packet/http1.hpp"

#include <http_parser.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "packet/dns_finding.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kMethodBytesMax = 16;
constexpr std::size_t kBodyBytesMax = Inspector::kStreamBytesMax;

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Says "Response" or "Request" for the whole word, NeedsMore for its beginning.
Http1Start compare(std::string_view bytes, std::string_view word, Http1Start whole) {
  if (bytes.starts_with(word)) return whole;
  return word.starts_with(bytes) ? Http1Start::NeedsMore : Http1Start::No;
}

/// Every method that http-parser knows, with the space behind it.
std::vector<std::string> method_words() {
  std::vector<std::string> words;
  for (unsigned method = HTTP_DELETE; method <= HTTP_SOURCE; ++method)
    words.push_back(std::string(::http_method_str(static_cast<http_method>(method))) + " ");
  return words;
}

class Http1Message : public HeadParser {
 public:
  Http1Message(bool is_request, const Inspector::Options& options, Exchange& exchange,
               FindingSink& sink)
      : exchange_(exchange),
        sink_(sink),
        is_body_asked_(is_request && options.keep_bodies),
        is_head_only_(options.are_heads_only) {
    ::http_parser_init(&parser_, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    parser_.data = this;
    parser_.lenient_http_headers = 1;  // what a lenient server would accept must not be missed
    parser_.allow_chunked_length = 1;
    head_.is_request = is_request;
    if (is_head_only_) head_.scheme = "https";
  }

  Taken take(std::span<const std::byte> bytes) override {
    const std::size_t taken = ::http_parser_execute(
        &parser_, &settings(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (is_complete_) return {taken, Next::Recognise, left_out_};
    if (HTTP_PARSER_ERRNO(&parser_) == HPE_OK) return {bytes.size(), Next::Same};
    end();
    exchange_.lose();
    return {bytes.size(), Next::Unreadable};
  }

  Next skip(std::uint64_t count) override {
    is_body_kept_ = false;
    is_body_cut_ = true;
    static constexpr std::array<std::byte, 64 << 10> kNothing{};
    while (is_in_body_ && count > 0 && !is_complete_) {
      // In chunks a hole is only passed over inside one of them: its zeros are
      // no chunk size.
      const auto part = std::span(kNothing).first(std::min<std::uint64_t>(count, kNothing.size()));
      const Taken taken = take(part);
      if (taken.next == Next::Unreadable) return Next::Unreadable;
      count -= taken.bytes;
    }
    if (count == 0) return is_complete_ ? Next::Recognise : Next::Same;
    end();
    exchange_.lose();
    return Next::Unreadable;
  }

  void end() override {
    if (is_in_body_) {
      if (head_waits_) tell_request();
      return;
    }
    if (is_complete_ || parser_.http_major == 0) return;  // the first line was not there
    take_header();
    Finding finding = head_.is_request ? request() : response();
    finding.is_cut = true;
    sink_.tell(std::move(finding));
  }

  [[nodiscard]] std::size_t kept_bytes() const override {
    std::size_t kept = head_.target.size() + name_.size() + value_.size() + body_.size();
    for (const auto& [name, value] : head_.headers)
      kept += name.size() + value.size();
    return kept;
  }

 private:
  static Http1Message& of(http_parser* parser) { return *static_cast<Http1Message*>(parser->data); }

  static const http_parser_settings& settings() {
    static const http_parser_settings callbacks = [] {
      http_parser_settings made;
      ::http_parser_settings_init(&made);
      made.on_url = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).on_url({at, size});
        return 0;
      };
      made.on_header_field = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).on_name({at, size});
        return 0;
      };
      made.on_header_value = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).on_value({at, size});
        return 0;
      };
      made.on_headers_complete = [](http_parser* parser) { return of(parser).on_head(); };
      made.on_body = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).on_body({at, size});
        return 0;
      };
      made.on_message_complete = [](http_parser* parser) {
        of(parser).on_complete();
        return 0;
      };
      return made;
    }();
    return callbacks;
  }

  void on_url(std::string_view part) {
    head_.target.append(part.substr(0, HttpHead::kTargetBytesMax - head_.target.size()));
  }
  void on_name(std::string_view part) {
    if (is_in_body_) return;  // a trailer
    if (is_in_value_) take_header();
    if (name_.size() < HttpHead::kValueBytesMax) name_.append(part);
  }
  void on_value(std::string_view part) {
    if (is_in_body_) return;
    is_in_value_ = true;
    if (value_.size() < HttpHead::kValueBytesMax) value_.append(part);
  }
  void take_header() {
    std::ranges::transform(name_, name_.begin(), [](char letter) {
      return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    });
    if (is_in_value_ && HttpHead::is_kept(name_)) head_.add_header(std::move(name_), value_);
    name_.clear();
    value_.clear();
    is_in_value_ = false;
  }

  /// Returns what http-parser asks of this callback: 0 go on, 1 no body, 2 no
  /// body and no HTTP behind, else it is an error.
  int on_head() {
    take_header();
    is_in_body_ = true;
    const bool is_chunked = (parser_.flags & F_CHUNKED) != 0;
    const std::uint64_t length = is_chunked ? kUnknownBody : parser_.content_length;
    const int answer = head_.is_request ? on_request_head() : on_response_head();
    if (!is_head_only_ || answer != 0) return answer;
    if (may_have_body()) left_out_ = length;  // not told: kUnknownBody, as http-parser has it
    return 1;
  }

  /// RFC 9112, section 6.3.
  [[nodiscard]] bool may_have_body() const {
    if ((parser_.flags & F_CHUNKED) != 0) return true;
    const unsigned status = parser_.status_code;
    if (!head_.is_request) return status >= 200 && status != 204 && status != 304;
    return (parser_.flags & F_CONTENTLENGTH) != 0;
  }

  int on_request_head() {
    const bool has_version = parser_.http_major > 0;
    if (!has_version && !head_.target.starts_with('/')) return -1;  // of another text protocol
    head_.method = ::http_method_str(static_cast<http_method>(parser_.method));
    exchange_.ask({head_.method, head_.url()});
    // An upgrade is only asked for here; HTTP goes on unless the answer is 101.
    if (parser_.method != HTTP_CONNECT) parser_.upgrade = 0;
    head_waits_ = is_body_asked_;
    if (!head_waits_) tell_request();
    is_body_kept_ = is_body_asked_ || head_.is_dns();
    if (const auto message = dns_parameter(head_); !message.empty())
      (void)tell_dns(message, message.size(), "http", sink_);
    return 0;
  }

  int on_response_head() {
    const unsigned status = parser_.status_code;
    const OpenRequest* asked = exchange_.next();
    const std::string method = asked != nullptr ? asked->method : "";
    sink_.tell(response());
    is_body_kept_ = head_.is_dns();
    // RFC 7540, section 3.2: the answer comes in frames, as that of stream 1.
    if (status == 101 && head_.header("upgrade") == "h2c" && asked != nullptr)
      exchange_.ask(1, *asked);
    if (status < 100 || status >= 200 || status == 101) exchange_.answered();
    if (status == 101 || (method == "CONNECT" && status >= 200 && status < 300)) return 2;
    return method == "HEAD" ? 1 : 0;
  }

  void on_body(std::string_view part) {
    if (!is_body_kept_) return;
    const std::size_t room = kBodyBytesMax - body_.size();
    body_.append(part.substr(0, room));
    is_body_cut_ = is_body_cut_ || part.size() > room;
  }

  void on_complete() {
    is_complete_ = true;
    if (head_waits_) tell_request();
    if (head_.is_dns() && !body_.empty() && !is_body_cut_)
      (void)tell_dns(std::as_bytes(std::span(body_)), body_.size(), "http", sink_);
    ::http_parser_pause(&parser_, 1);  // ends http_parser_execute behind this message
  }

  Finding request() {
    head_.method = ::http_method_str(static_cast<http_method>(parser_.method));
    set_version();
    return request_finding(head_);
  }
  Finding response() {
    set_version();
    std::string status = std::to_string(parser_.status_code);
    head_.status = std::string(3 - std::min<std::size_t>(3, status.size()), '0') + status;
    return response_finding(head_, exchange_.next(), exchange_.is_likely_only());
  }
  void set_version() {
    head_.version = std::to_string(parser_.http_major) + "." + std::to_string(parser_.http_minor);
  }
  void tell_request() {
    head_waits_ = false;
    Finding finding = request();
    if (!body_.empty()) {
      finding.fields.emplace_back("body", body_);
      if (is_body_cut_ || !is_complete_) finding.fields.emplace_back("body_cut", "true");
    }
    sink_.tell(std::move(finding));
  }

  http_parser parser_{};
  Exchange& exchange_;
  FindingSink& sink_;
  HttpHead head_;
  std::string name_;
  std::string value_;
  std::string body_;
  std::uint64_t left_out_ = 0;  ///< see Taken
  bool is_body_asked_ = false;
  bool is_head_only_ = false;
  bool is_body_kept_ = false;
  bool is_body_cut_ = false;
  bool head_waits_ = false;  ///< told together with its body
  bool is_in_value_ = false;
  bool is_in_body_ = false;  ///< the head is complete
  bool is_complete_ = false;
};

}  // namespace

Http1Start recognise_http1(std::span<const std::byte> bytes) {
  static const std::vector<std::string> methods = method_words();
  std::string_view start = text(bytes.first(std::min(bytes.size(), kMethodBytesMax + 4)));
  start.remove_prefix(std::min(start.find_first_not_of("\r\n"), start.size()));
  Http1Start best = compare(start, "HTTP/", Http1Start::Response);
  for (const std::string& word : methods) {
    if (best == Http1Start::Request || best == Http1Start::Response) return best;
    best = std::max(best, compare(start, word, Http1Start::Request));
  }
  return best;
}

std::unique_ptr<HeadParser> make_http1(bool is_request, const Inspector::Options& options,
                                       Exchange& exchange, FindingSink& sink) {
  return std::make_unique<Http1Message>(is_request, options, exchange, sink);
}

}  // namespace alibi::packet
