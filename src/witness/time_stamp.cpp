#include "witness/time_stamp.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

#include "seal/bytes.hpp"
#include "seal/digest.hpp"
#include "seal/stamp_reply.hpp"
#include "witness/add_checkpoint.hpp"

namespace alibi::witness {
namespace {

template <auto Free>
struct With {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, With<Free>>;

using Request = Owned<TS_REQ, TS_REQ_free>;

std::unexpected<Error> refused(const std::string& what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return fail(Errc::Corrupt, reason ? what + ": " + reason : what);
}

Request make_request(std::string_view text) {
  const seal::Hash hash = seal::sha256(text);
  const Owned<TS_MSG_IMPRINT, TS_MSG_IMPRINT_free> imprint(TS_MSG_IMPRINT_new());
  const Owned<X509_ALGOR, X509_ALGOR_free> algorithm(X509_ALGOR_new());
  std::string random = seal::random_bytes(8);
  random[0] = static_cast<char>((random[0] & 0x7f) | 0x40);  // positive, and always eight bytes
  const auto* random_bytes = reinterpret_cast<const unsigned char*>(random.data());
  const Owned<BIGNUM, BN_free> number(BN_bin2bn(random_bytes, 8, nullptr));
  const Owned<ASN1_INTEGER, ASN1_INTEGER_free> nonce(BN_to_ASN1_INTEGER(number.get(), nullptr));
  Request request(TS_REQ_new());
  std::string digest(hash.view());
  const bool is_made =
      imprint && algorithm && nonce && request &&
      X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nullptr) == 1 &&
      TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()) == 1 &&
      TS_MSG_IMPRINT_set_msg(imprint.get(), reinterpret_cast<unsigned char*>(digest.data()),
                             static_cast<int>(digest.size())) == 1 &&
      TS_REQ_set_version(request.get(), 1) == 1 &&
      TS_REQ_set_msg_imprint(request.get(), imprint.get()) == 1 &&
      TS_REQ_set_nonce(request.get(), nonce.get()) == 1 &&
      TS_REQ_set_cert_req(request.get(), 1) == 1;
  if (!is_made) request.reset();
  return request;
}

}  // namespace

struct StampQuestion::State {
  Request request;
};

StampQuestion::StampQuestion(std::unique_ptr<State> state, std::string der)
    : state_(std::move(state)), der_(std::move(der)) {}
StampQuestion::StampQuestion(StampQuestion&&) noexcept = default;
StampQuestion& StampQuestion::operator=(StampQuestion&&) noexcept = default;
StampQuestion::~StampQuestion() = default;

Result<StampQuestion> StampQuestion::about(std::string_view text) {
  auto state = std::make_unique<State>(State{make_request(text)});
  unsigned char* bytes = nullptr;
  const int size = state->request ? i2d_TS_REQ(state->request.get(), &bytes) : -1;
  if (size <= 0) {
    ERR_clear_error();
    return fail(Errc::Internal, "OpenSSL cannot ask for a time stamp");
  }
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return StampQuestion(std::move(state), std::move(der));
}

Result<std::int64_t> StampQuestion::check(std::string_view reply,
                                          const std::string& roots_file) const {
  if (reply.size() > kReplyBytesMax) return fail(Errc::Corrupt, "the reply is too long");
  ERR_clear_error();
  const auto response = seal::parse_stamp_reply(reply);
  if (!response) return refused("not a reply of a time-stamp authority");
  const Owned<TS_VERIFY_CTX, TS_VERIFY_CTX_free> context(
      TS_REQ_to_TS_VERIFY_CTX(state_->request.get(), nullptr));
  if (!context) return refused("OpenSSL cannot check a time stamp");
  int checks = TS_VFY_VERSION | TS_VFY_IMPRINT | TS_VFY_NONCE;
  if (!roots_file.empty()) {
    Owned<X509_STORE, X509_STORE_free> roots(X509_STORE_new());
    if (!roots || X509_STORE_load_file(roots.get(), roots_file.c_str()) != 1) {
      ERR_clear_error();
      return fail(Errc::Io, roots_file + ": no certificates to check time stamps with");
    }
    TS_VERIFY_CTX_set_store(context.get(), roots.release());
    checks |= TS_VFY_SIGNATURE;
  }
  TS_VERIFY_CTX_set_flags(context.get(), checks);
  if (TS_RESP_verify_response(context.get(), response.get()) != 1)
    return refused("the reply does not answer the question");
  const auto time = seal::stamp_time(response);
  if (!time) return refused("a time stamp without a time");
  return *time;
}

}  // namespace alibi::witness
