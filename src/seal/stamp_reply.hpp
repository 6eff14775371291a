#pragma once
// Reads the reply of a time-stamp authority (TimeStampResp of RFC 3161, DER), by OpenSSL.
// Judging it is the reader's: the recorder compares it with its question (witness/time_stamp.hpp),
// the verifier with the sealed bytes and its own roots (verify/time_stamp.hpp).
//
// A stranger's bytes, of which the caller bounds the number. Thread: any.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

struct TS_resp_st;  // TS_RESP of OpenSSL

namespace alibi::seal {

struct FreeStampReply {
  void operator()(TS_resp_st* reply) const;
};
using StampReply = std::unique_ptr<TS_resp_st, FreeStampReply>;

/// Null: no reply, or bytes follow it. What OpenSSL says of it stands in its queue of errors.
[[nodiscard]] StampReply parse_stamp_reply(std::string_view bytes);

/// When it was stamped, as it says itself, seconds since 1970. Empty: there is no token in it, or
/// no time since 1970.
[[nodiscard]] std::optional<std::int64_t> stamp_time(const StampReply& reply);

}  // namespace alibi::seal
