#include "packet/dns_message.hpp"

#include <arpa/nameser.h>
#include <resolv.h>

#include <strings.h>
#include <algorithm>
#include <array>
#include <cstring>

namespace alibi::packet {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxAliases = 16;
/// Multicast DNS puts a flag into the class of a record (RFC 6762, section 10.2).
constexpr unsigned kCacheFlush = 0x8000;

std::string type_text(std::uint16_t type) {
  struct Name {
    std::uint16_t type;
    const char* text;
  };
  static constexpr std::array<Name, 25> kNames{
      {{1, "A"},      {2, "NS"},     {5, "CNAME"},   {6, "SOA"},    {12, "PTR"},
       {13, "HINFO"}, {15, "MX"},    {16, "TXT"},    {28, "AAAA"},  {33, "SRV"},
       {35, "NAPTR"}, {39, "DNAME"}, {41, "OPT"},    {43, "DS"},    {44, "SSHFP"},
       {46, "RRSIG"}, {47, "NSEC"},  {48, "DNSKEY"}, {50, "NSEC3"}, {52, "TLSA"},
       {64, "SVCB"},  {65, "HTTPS"}, {252, "AXFR"},  {255, "ANY"},  {257, "CAA"}}};
  const auto* known = std::ranges::find(kNames, type, &Name::type);
  return known != kNames.end() ? known->text : "TYPE" + std::to_string(type);
}

std::string rcode_text(unsigned rcode) {
  static constexpr std::array<const char*, 11> kNames{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                                      "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                                      "NXRRSET", "NOTAUTH", "NOTZONE"};
  return rcode < kNames.size() ? kNames[rcode] : "RCODE" + std::to_string(rcode);
}

/// Reads on from the header; every read says whether it was complete. libresolv's
/// ns_initparse refuses a whole message when its end is missing, so the walk is
/// ours and only names are left to the library.
class Walk {
 public:
  explicit Walk(std::span<const std::uint8_t> message) : message_(message), at_(kHeaderBytes) {}

  [[nodiscard]] bool name(std::string& to) {
    const auto length = expand(at_, to);
    if (!length) return false;
    at_ += *length;
    return true;
  }
  [[nodiscard]] bool u16(std::uint16_t& to) {
    if (left() < 2) return false;
    to = static_cast<std::uint16_t>(::ns_get16(message_.data() + at_));
    at_ += 2;
    return true;
  }
  [[nodiscard]] bool u32(std::uint32_t& to) {
    if (left() < 4) return false;
    to = static_cast<std::uint32_t>(::ns_get32(message_.data() + at_));
    at_ += 4;
    return true;
  }
  [[nodiscard]] bool bytes(std::size_t size, std::span<const std::uint8_t>& to) {
    if (left() < size) return false;
    to = message_.subspan(at_, size);
    at_ += size;
    return true;
  }
  /// A name inside the `size` bytes that `bytes` just handed out.
  [[nodiscard]] bool name_in_last(std::size_t size, std::string& to) const {
    const auto length = expand(at_ - size, to);
    return length && *length <= size;
  }

 private:
  [[nodiscard]] std::size_t left() const { return message_.size() - at_; }

  [[nodiscard]] std::optional<std::size_t> expand(std::size_t from, std::string& to) const {
    std::array<char, NS_MAXDNAME> text{};
    const int length = ::dn_expand(message_.data(), message_.data() + message_.size(),
                                   message_.data() + from, text.data(), text.size());
    if (length < 0) return std::nullopt;
    to = text[0] != '\0' ? text.data() : ".";
    return static_cast<std::size_t>(length);
  }

  std::span<const std::uint8_t> message_;
  std::size_t at_;
};

bool read_question(Walk& walk, DnsQuestion& question) {
  std::uint16_t type = 0;
  std::uint16_t query_class = 0;
  if (!walk.name(question.name) || !walk.u16(type) || !walk.u16(query_class)) return false;
  question.type = type_text(type);
  return true;
}

bool read_record(Walk& walk, DnsRecord& record) {
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::uint16_t size = 0;
  std::span<const std::uint8_t> value;
  if (!walk.name(record.name) || !walk.u16(type) || !walk.u16(record_class) ||
      !walk.u32(record.ttl_s) || !walk.u16(size) || !walk.bytes(size, value)) {
    return false;
  }
  record.type = type_text(type);
  if ((record_class & ~kCacheFlush) != ns_c_in) return true;
  if (type == ns_t_a && size == 4) {
    record.address = event::IpAddress{};
    std::ranges::copy(value, record.address->bytes.begin());
  } else if (type == ns_t_aaaa && size == 16) {
    std::uint8_t octets[16];
    std::ranges::copy(value, octets);
    record.address = event::ipv6(octets);
  } else if (type == ns_t_cname || type == ns_t_dname || type == ns_t_ptr || type == ns_t_ns) {
    return walk.name_in_last(size, record.target);
  }
  return true;
}

/// The message inside the stream; may be shorter than announced.
std::span<const std::uint8_t> without_length(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 2) return {};
  const std::size_t announced = ::ns_get16(bytes.data());
  return bytes.subspan(2, std::min(announced, bytes.size() - 2));
}

bool same_name(const std::string& a, const std::string& b) {
  return a.size() == b.size() && ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

}  // namespace

Result<DnsMessage> decode_dns_message(std::span<const std::uint8_t> bytes, DnsTransport transport) {
  const auto message = transport == DnsTransport::Tcp ? without_length(bytes) : bytes;
  if (message.size() < kHeaderBytes)
    return fail(Errc::Corrupt, "DNS message shorter than its header");
  const auto word = [&](std::size_t at) {
    return static_cast<std::uint16_t>(::ns_get16(message.data() + at));
  };
  const std::uint16_t flags = word(2);
  if (((flags >> 11U) & 0xFU) != ns_o_query)
    return fail(Errc::Corrupt, "DNS message that is no query");
  DnsMessage decoded;
  decoded.id = word(0);
  decoded.is_answer = (flags & 0x8000U) != 0;
  decoded.is_tc = (flags & 0x0200U) != 0;
  decoded.rcode = rcode_text(flags & 0xFU);
  const std::size_t question_count = word(4);
  const std::size_t answer_count = word(6);
  Walk walk(message);
  for (std::size_t i = 0; i < question_count && !decoded.is_cut; ++i) {
    DnsQuestion question;
    decoded.is_cut = !read_question(walk, question);
    if (!decoded.is_cut && i < kMaxQuestions) decoded.questions.push_back(std::move(question));
  }
  if (question_count > 0 && decoded.questions.empty()) {
    return fail(Errc::Corrupt, "DNS message without a whole question");
  }
  while (decoded.answers.size() < std::min(answer_count, kMaxAnswers) && !decoded.is_cut) {
    DnsRecord record;
    decoded.is_cut = !read_record(walk, record);
    if (!decoded.is_cut) decoded.answers.push_back(std::move(record));
  }
  decoded.answers_left_out = answer_count - decoded.answers.size();
  return decoded;
}

std::vector<NamedAddress> named_addresses(const DnsMessage& message) {
  std::vector<NamedAddress> found;
  for (const DnsQuestion& question : message.questions) {
    std::string owner = question.name;
    std::uint32_t ttl_s = UINT32_MAX;
    for (std::size_t aliases = 0; aliases < kMaxAliases; ++aliases) {
      const DnsRecord* alias = nullptr;
      for (const DnsRecord& record : message.answers) {
        if (!same_name(record.name, owner)) continue;
        if (record.address)
          found.push_back({question.name, *record.address, std::min(ttl_s, record.ttl_s)});
        if (record.type == "CNAME") alias = &record;
      }
      if (alias == nullptr) break;
      owner = alias->target;
      ttl_s = std::min(ttl_s, alias->ttl_s);
    }
  }
  return found;
}

}  // namespace alibi::packet
