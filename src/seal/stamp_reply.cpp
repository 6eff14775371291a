#include "seal/stamp_reply.hpp"

#include <openssl/ts.h>

#include <ctime>
#include <utility>

namespace alibi::seal {

void FreeStampReply::operator()(TS_resp_st* reply) const { ::TS_RESP_free(reply); }

StampReply parse_stamp_reply(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = at + bytes.size();
  StampReply reply(::d2i_TS_RESP(nullptr, &at, static_cast<long>(bytes.size())));
  if (at != end) reply.reset();
  return reply;
}

std::optional<std::int64_t> stamp_time(const StampReply& reply) {
  TS_TST_INFO* const info = ::TS_RESP_get_tst_info(reply.get());
  const ASN1_GENERALIZEDTIME* const time = info ? ::TS_TST_INFO_get_time(info) : nullptr;
  std::tm parts{};
  if (!time || ::ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const std::time_t seconds = ::timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return seconds;
}

}  // namespace alibi::seal
