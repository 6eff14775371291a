// Any bytes as TCP options and as a surplus area, in buffers of exactly the size
// the parsers are promised, so that the address sanitizer sees a byte too far.
// What is taken for a mark must be one when it is written again.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "wire/alibi_mark_write.h"

namespace {

void check(const alibi_mark& mark, const __u8* bytes, std::uint32_t count) {
  const bool is_mark = mark.form == ALIBI_MARK_V1 || mark.form == ALIBI_MARK_V2;
  if (mark.at + mark.bytes > count || is_mark != (mark.count > 0)) std::abort();
  if (!is_mark) return;
  std::array<__u8, ALIBI_MARK_BUFFER_BYTES> again{};
  __u32 size = 0;
  if (mark.form == ALIBI_MARK_V2) {
    size = alibi_mark_write_v2(again.data(), bytes[mark.at], mark.key, mark.diagnoses, mark.count);
    alibi_mark_write_tag(again.data(), mark.count, mark.tag);
  } else if (bytes[mark.at] == ALIBI_MARK_UDP_KIND) {
    size = alibi_mark_write_udp_v1(again.data(), mark.diagnoses, mark.count);
  } else {
    size = alibi_mark_write_v1(again.data(), mark.diagnoses, mark.count);
  }
  if (size != mark.bytes || !std::equal(again.begin(), again.begin() + size, bytes + mark.at))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto buffer = std::make_unique<__u8[]>(ALIBI_MARK_BUFFER_BYTES);
  const std::size_t kept = std::min<std::size_t>(size, ALIBI_MARK_BUFFER_BYTES);
  std::copy_n(data, kept, buffer.get());
  alibi_mark mark{};
  const auto count = static_cast<std::uint32_t>(kept);
  alibi_mark_parse_tcp(buffer.get(), count, &mark);
  check(mark, buffer.get(), count);
  for (const std::uint32_t is_odd : {0U, 1U}) {
    alibi_mark_parse_udp(buffer.get(), count, is_odd, &mark);
    check(mark, buffer.get(), count);
  }
  return 0;
}
