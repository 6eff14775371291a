#include "packet/http2.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "packet/cursor.hpp"
#include "packet/dns_finding.hpp"

namespace alibi::packet {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHeadBytes = 9;
constexpr std::size_t kSettingBytes = 6;
constexpr std::size_t kPriorityBytes = 5;
constexpr std::size_t kPromisedBytes = 4;
constexpr std::size_t kFrameBytesKeptMax = 64 << 10;

struct Free {
  void operator()(nghttp2_hd_inflater* inflater) const { ::nghttp2_hd_inflate_del(inflater); }
};

struct FrameHead {
  std::size_t bytes = 0;  ///< behind this head
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;

  [[nodiscard]] bool is_kept() const {
    return type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION || type == NGHTTP2_SETTINGS ||
           type == NGHTTP2_PUSH_PROMISE;
  }
};

FrameHead read_frame_head(std::span<const std::byte> bytes) {
  Cursor at(bytes);
  FrameHead head;
  head.bytes = at.u24();
  head.type = at.u8();
  head.flags = at.u8();
  head.stream = at.u32() & 0x7fffffffU;
  return head;
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

void take_field(HttpHead& head, std::string_view name, std::string_view value) {
  if (name == ":method") {
    head.method = value.substr(0, HttpHead::kValueBytesMax);
  } else if (name == ":path") {
    head.target = value.substr(0, HttpHead::kTargetBytesMax);
  } else if (name == ":scheme") {
    head.scheme = value.substr(0, HttpHead::kValueBytesMax);
  } else if (name == ":authority") {
    head.authority = value.substr(0, HttpHead::kValueBytesMax);
  } else if (name == ":status") {
    head.status = value.substr(0, 3);
  } else if (HttpHead::is_kept(name)) {
    head.add_header(std::string(name), value);
  }
}

}  // namespace

class Http2Direction : public HeadParser {
 public:
  Http2Direction(bool is_client, Http2Tables& tables, Exchange& exchange, FindingSink& sink)
      : tables_(tables), exchange_(exchange), sink_(sink), is_client_(is_client) {
    nghttp2_hd_inflater* made = nullptr;
    if (::nghttp2_hd_inflate_new(&made) == 0) inflater_.reset(made);
    preface_left_ = is_client ? kPreface.size() : 0;
  }

  Taken take(std::span<const std::byte> bytes) override {
    const std::size_t all = bytes.size();
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(wanted(), bytes.size()));
      bytes = bytes.subspan(part.size());
      if (const Next next = advance(part); next != Next::Same) return {all, next};
    }
    return {all, Next::Same};
  }

  Next skip(std::uint64_t count) override {
    if (preface_left_ > 0 || count > passing_) return Next::Nothing;
    passing_ -= count;
    return Next::Same;
  }

  void end() override {}

  [[nodiscard]] std::size_t kept_bytes() const override {
    return frame_.size() + block_.size() +
           (inflater_ ? ::nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get()) : 0);
  }

 private:
  [[nodiscard]] std::size_t wanted() const {
    if (preface_left_ > 0) return preface_left_;
    if (passing_ > 0) return static_cast<std::size_t>(passing_);
    if (frame_.size() < kFrameHeadBytes) return kFrameHeadBytes - frame_.size();
    return kFrameHeadBytes + head_.bytes - frame_.size();
  }

  Next advance(std::span<const std::byte> part) {
    if (preface_left_ > 0) {
      preface_left_ -= part.size();
      return Next::Same;
    }
    if (passing_ > 0) {
      passing_ -= part.size();
      return Next::Same;
    }
    frame_.insert(frame_.end(), part.begin(), part.end());
    if (frame_.size() < kFrameHeadBytes) return Next::Same;
    head_ = read_frame_head(frame_);
    if (!head_.is_kept()) {
      passing_ = head_.bytes;
      frame_.clear();
      return Next::Same;
    }
    if (head_.bytes > kFrameBytesKeptMax) return Next::Nothing;
    if (frame_.size() < kFrameHeadBytes + head_.bytes) return Next::Same;
    const bool is_read = read_frame(std::span(frame_).subspan(kFrameHeadBytes));
    frame_.clear();
    return is_read ? Next::Same : Next::Nothing;
  }

  bool read_frame(std::span<const std::byte> payload) {
    if (head_.type == NGHTTP2_SETTINGS) return read_settings(payload);
    Cursor at(payload);
    if (head_.type != NGHTTP2_CONTINUATION) {
      const std::size_t padding = (head_.flags & NGHTTP2_FLAG_PADDED) != 0 ? at.u8() : 0;
      const bool is_promise = head_.type == NGHTTP2_PUSH_PROMISE;
      if (is_promise) at.take(kPromisedBytes);
      if (!is_promise && (head_.flags & NGHTTP2_FLAG_PRIORITY) != 0) at.take(kPriorityBytes);
      if (!at.is_sound() || padding > at.left()) return false;
      block_.clear();
      is_promise_ = is_promise;
      at = Cursor(payload.subspan(at.at(), at.left() - padding));
    }
    const auto fragment = at.rest();
    if (block_.size() + fragment.size() > Http2Tables::kBlockBytesMax) return false;
    block_.insert(block_.end(), fragment.begin(), fragment.end());
    return (head_.flags & NGHTTP2_FLAG_END_HEADERS) == 0 || read_block();
  }

  bool read_settings(std::span<const std::byte> payload) {
    auto& asked_of_us = tables_.table_bytes_asked_[is_client_ ? 0 : 1];
    if ((head_.flags & NGHTTP2_FLAG_ACK) != 0) {
      if (!asked_of_us || !inflater_) return true;
      const std::uint32_t bytes = std::min(*asked_of_us, Http2Tables::kTableBytesMax);
      asked_of_us.reset();
      return ::nghttp2_hd_inflate_change_table_size(inflater_.get(), bytes) == 0;
    }
    for (Cursor at(payload); at.left() >= kSettingBytes;) {
      const std::uint16_t name = at.u16();
      const std::uint32_t value = at.u32();
      if (name == NGHTTP2_SETTINGS_HEADER_TABLE_SIZE)
        tables_.table_bytes_asked_[is_client_ ? 1 : 0] = value;
    }
    return true;
  }

  bool read_block() {
    HttpHead head;
    if (!inflate(head)) return false;
    block_.clear();
    head.version = "2";
    head.is_request = !head.method.empty();
    if (is_promise_) return true;  // nobody asked
    if (head.is_request)
      tell_request(head);
    else if (!head.status.empty())
      tell_response(head);
    return true;
  }

  bool inflate(HttpHead& head) {
    if (!inflater_) return false;
    auto* at = reinterpret_cast<std::uint8_t*>(block_.data());
    std::size_t left = block_.size();
    for (std::size_t count = 0; count <= Http2Tables::kHeadersMax; ++count) {
      nghttp2_nv field{};
      int flags = 0;
      const ssize_t used = ::nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, at, left, 1);
      if (used < 0) return false;
      at += used;
      left -= static_cast<std::size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
        take_field(head, text(field.name, field.namelen), text(field.value, field.valuelen));
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
        return ::nghttp2_hd_inflate_end_headers(inflater_.get()) == 0;
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && left == 0) return false;
    }
    return false;
  }

  void tell_request(const HttpHead& head) {
    exchange_.ask(head_.stream, {head.method, head.url()});
    sink_.tell(request_finding(head));
    if (const auto message = dns_parameter(head); !message.empty())
      (void)tell_dns(message, message.size(), "http", sink_);
  }

  void tell_response(const HttpHead& head) {
    const auto asked = exchange_.answer(head_.stream);
    sink_.tell(response_finding(head, asked ? &*asked : nullptr, false));
    const bool is_interim = head.status.starts_with('1');
    if (asked && is_interim) exchange_.ask(head_.stream, *asked);
  }

  Http2Tables& tables_;
  Exchange& exchange_;
  FindingSink& sink_;
  std::unique_ptr<nghttp2_hd_inflater, Free> inflater_;
  std::vector<std::byte> frame_;  ///< head and, of frames that are kept, payload
  std::vector<std::byte> block_;  ///< a compressed head over several frames
  FrameHead head_;
  std::size_t preface_left_ = 0;
  std::uint64_t passing_ = 0;  ///< bytes of a frame that is not read
  bool is_client_;
  bool is_promise_ = false;
};

Http2Start recognise_http2(std::span<const std::byte> bytes) {
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), kPreface.size()));
  if (start == kPreface) return Http2Start::Preface;
  const bool is_short = bytes.size() < kFrameHeadBytes;
  if (kPreface.starts_with(start)) return Http2Start::NeedsMore;
  if (is_short) {
    const bool may_be = std::ranges::all_of(bytes.first(std::min<std::size_t>(2, bytes.size())),
                                            [](std::byte byte) { return byte == std::byte{0}; });
    return may_be ? Http2Start::NeedsMore : Http2Start::No;
  }
  const FrameHead head = read_frame_head(bytes);
  const bool is_settings = head.type == NGHTTP2_SETTINGS && head.flags == 0 && head.stream == 0 &&
                           head.bytes < 256 && head.bytes % kSettingBytes == 0;
  return is_settings ? Http2Start::Settings : Http2Start::No;
}

std::unique_ptr<HeadParser> Http2Tables::read(bool is_client, Exchange& exchange,
                                              FindingSink& sink) {
  return std::make_unique<Http2Direction>(is_client, *this, exchange, sink);
}

}  // namespace alibi::packet
