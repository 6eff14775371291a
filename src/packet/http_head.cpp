#include "packet/http_head.hpp"

#include <algorithm>
#include <array>

namespace alibi::packet {
namespace {

struct Told {
  std::string_view header;
  std::string_view field;
};

constexpr std::array<Told, 11> kOfRequests{{
    {"host", "host"},
    {"user-agent", "user_agent"},
    {"referer", "referer"},
    {"origin", "origin"},
    {"content-type", "content_type"},
    {"content-length", "content_length"},
    {"x-requested-with", "x_requested_with"},
    {"sec-fetch-site", "sec_fetch_site"},
    {"sec-fetch-mode", "sec_fetch_mode"},
    {"sec-fetch-dest", "sec_fetch_dest"},
    {"sec-fetch-user", "sec_fetch_user"},
}};
constexpr std::array<Told, 4> kOfResponses{{
    {"server", "server"},
    {"location", "location"},
    {"content-type", "content_type"},
    {"content-length", "content_length"},
}};
constexpr std::string_view kUpgrade = "upgrade";

void tell(Finding& finding, std::string_view field, std::string_view value) {
  if (!value.empty()) finding.fields.emplace_back(field, value);
}

bool has_scheme(std::string_view target) {
  const auto colon = target.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         target.substr(0, colon).find_first_of("/?#") == std::string_view::npos;
}

int base64url_digit(char digit) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto at = kDigits.find(digit);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// RFC 4648, section 5, without padding; empty where it is none.
std::vector<std::byte> from_base64url(std::string_view text) {
  std::vector<std::byte> bytes;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char letter : text) {
    const int digit = base64url_digit(letter);
    if (digit < 0) return {};
    bits = (bits << 6U | static_cast<unsigned>(digit)) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::byte>(bits >> count & 0xffU));
  }
  return bytes;
}

}  // namespace

bool HttpHead::is_kept(std::string_view name) {
  return name == kUpgrade ||
         std::ranges::find(kOfRequests, name, &Told::header) != kOfRequests.end() ||
         std::ranges::find(kOfResponses, name, &Told::header) != kOfResponses.end();
}

void HttpHead::add_header(std::string name, std::string_view value) {
  value = value.substr(0, kValueBytesMax);
  const auto known = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  if (known == headers.end()) {
    headers.emplace_back(std::move(name), value);
  } else if (known->second.size() + value.size() < kValueBytesMax) {
    known->second.append(", ").append(value);
  }
}

std::string_view HttpHead::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::string HttpHead::url() const {
  const std::string_view hosts = authority.empty() ? header("host") : authority;
  const std::string_view host = hosts.substr(0, hosts.find(", "));
  if (method == "CONNECT" || target == "*" || host.empty() || has_scheme(target)) return target;
  return (scheme.empty() ? "http" : scheme) + "://" + std::string(host) +
         (target.starts_with('/') ? "" : "/") + target;
}

bool HttpHead::is_dns() const {
  const std::string_view type = header("content-type");
  return type == "application/dns-message" || type.starts_with("application/dns-message;");
}

void Exchange::ask(OpenRequest request) {
  if (is_lossy_) in_order_.clear();
  if (in_order_.size() == kOpenMax) lose();
  in_order_.push_back(std::move(request));
}

void Exchange::ask(std::uint32_t number, OpenRequest request) {
  if (by_number_.size() == kOpenMax) by_number_.erase(by_number_.begin());
  by_number_.insert_or_assign(number, std::move(request));
}

void Exchange::answered() {
  if (!in_order_.empty()) in_order_.pop_front();
}

std::optional<OpenRequest> Exchange::answer(std::uint32_t number) {
  auto node = by_number_.extract(number);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void Exchange::lose() {
  is_lossy_ = true;
  in_order_.clear();
}

Finding request_finding(const HttpHead& head) {
  Finding finding{.kind = FindingKind::HttpRequest};
  tell(finding, "method", head.method);
  tell(finding, "url", head.url());
  tell(finding, "version", head.version);
  if (head.header("host").empty()) tell(finding, "host", head.authority);
  for (const auto& [header, field] : kOfRequests)
    tell(finding, field, head.header(header));
  return finding;
}

Finding response_finding(const HttpHead& head, const OpenRequest* asked, bool is_pair_likely) {
  Finding finding{.kind = FindingKind::HttpResponse};
  tell(finding, "status", head.status);
  tell(finding, "version", head.version);
  for (const auto& [header, field] : kOfResponses)
    tell(finding, field, head.header(header));
  if (asked == nullptr) return finding;
  tell(finding, "method", asked->method);
  tell(finding, "url", asked->url);
  if (is_pair_likely) tell(finding, "pairing", "likely");
  return finding;
}

std::vector<std::byte> dns_parameter(const HttpHead& head) {
  const std::string_view target = head.target;
  const auto query = target.find('?');
  if (query == std::string_view::npos) return {};
  std::string_view rest = target.substr(query + 1);
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    if (parameter.starts_with("dns=")) return from_base64url(parameter.substr(4));
    rest.remove_prefix(std::min(rest.size(), parameter.size() + 1));
  }
  return {};
}

}  // namespace alibi::packet
