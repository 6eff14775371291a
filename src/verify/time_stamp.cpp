#include "verify/time_stamp.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>

#include <vector>

#include "seal/stamp_reply.hpp"

namespace alibi::verify {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;
using Bio = Owned<BIO, ::BIO_free>;
using Context = Owned<TS_VERIFY_CTX, ::TS_VERIFY_CTX_free>;
using Certificate = Owned<X509, ::X509_free>;
using Store = Owned<X509_STORE, ::X509_STORE_free>;

Bio bio_of(std::string_view bytes) {
  return Bio(::BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

/// The newest message of OpenSSL; the queue is empty afterwards.
std::string why(const char* otherwise) {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  std::string text = reason ? reason : otherwise;
  ::ERR_clear_error();
  return text;
}

/// SHA-1 and older can be made to collide.
bool has_sound_digest(TS_TST_INFO* info) {
  TS_MSG_IMPRINT* imprint = ::TS_TST_INFO_get_msg_imprint(info);
  X509_ALGOR* algorithm = imprint ? ::TS_MSG_IMPRINT_get_algo(imprint) : nullptr;
  if (!algorithm) return false;
  const ASN1_OBJECT* object = nullptr;
  ::X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  const int digest = ::OBJ_obj2nid(object);
  return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

std::string signer_of(PKCS7* token) {
  std::string name = "a time-stamp authority";
  STACK_OF(X509)* signers = ::PKCS7_get0_signers(token, nullptr, 0);
  if (signers && sk_X509_num(signers) == 1) {
    char text[128] = {};
    X509_NAME* subject = ::X509_get_subject_name(sk_X509_value(signers, 0));
    if (::X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text) > 0) name = text;
  }
  sk_X509_free(signers);
  ::ERR_clear_error();
  return name;
}

}  // namespace

struct TimeStampRoots::Certificates {
  std::vector<Certificate> all;
};

TimeStampRoots::TimeStampRoots(std::unique_ptr<Certificates> certificates)
    : certificates_(std::move(certificates)) {}
TimeStampRoots::TimeStampRoots(TimeStampRoots&&) noexcept = default;
TimeStampRoots& TimeStampRoots::operator=(TimeStampRoots&&) noexcept = default;
TimeStampRoots::~TimeStampRoots() = default;

Result<TimeStampRoots> TimeStampRoots::from_pem(std::string_view pem) {
  auto certificates = std::make_unique<Certificates>();
  const Bio bio = bio_of(pem);
  while (X509* certificate = ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    certificates->all.emplace_back(certificate);
  ::ERR_clear_error();  // the end of the text is an error to it
  if (certificates->all.empty()) return fail(Errc::Usage, "there is no certificate (PEM) in it");
  return TimeStampRoots(std::move(certificates));
}

Result<TimeStamp> TimeStampRoots::verify(std::string_view response, std::string_view data) const {
  const auto parsed = seal::parse_stamp_reply(response);
  if (!parsed || !::TS_RESP_get_token(parsed.get()) || !::TS_RESP_get_tst_info(parsed.get()))
    return fail(Errc::Corrupt, "it is no time-stamp response: " + why("no token in it"));
  TS_TST_INFO* info = ::TS_RESP_get_tst_info(parsed.get());
  const auto time = seal::stamp_time(parsed);
  if (!time || !has_sound_digest(info))
    return fail(Errc::Corrupt, "its time or its digest cannot be used");

  Store store(::X509_STORE_new());
  for (const Certificate& root : certificates_->all)
    ::X509_STORE_add_cert(store.get(), root.get());
  ::X509_VERIFY_PARAM_set_time(::X509_STORE_get0_param(store.get()), *time);
  const Context context(::TS_VERIFY_CTX_new());
  ::TS_VERIFY_CTX_set_flags(context.get(), TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_DATA);
  ::TS_VERIFY_CTX_set_store(context.get(), store.release());
  ::TS_VERIFY_CTX_set_data(context.get(), bio_of(data).release());
  if (::TS_RESP_verify_response(context.get(), parsed.get()) != 1)
    return fail(Errc::Corrupt, "OpenSSL does not accept it: " + why("verification failed"));
  return TimeStamp{static_cast<std::uint64_t>(*time), signer_of(::TS_RESP_get_token(parsed.get()))};
}

}  // namespace alibi::verify
