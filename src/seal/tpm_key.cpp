#include "seal/tpm_key.hpp"

#include <fmt/format.h>
#include <sodium.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "seal/bytes.hpp"

namespace alibi::seal {
namespace {

constexpr std::string_view kTitle = "alibi-tpm-key-v1\n";
constexpr std::size_t kTextBytesMax = 8192;
constexpr std::size_t kSeedBytes = 32;

struct Free {
  void operator()(void* memory) const { ::Esys_Free(memory); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<Error> refused(std::string_view what, TSS2_RC code) {
  return fail(Errc::Unsupported, fmt::format("TPM: {}: {}", what, ::Tss2_RC_Decode(code)));
}

/// A connection to the TPM with its storage key and a session encrypted to that key.
class Tpm {
 public:
  static Result<std::unique_ptr<Tpm>> open(const std::string& tcti) {
    // The library writes to stderr by itself; what it has to say is in our errors.
    ::setenv("TSS2_LOG", "all+NONE", 0);
    auto tpm = std::unique_ptr<Tpm>(new Tpm);
    if (const auto code = ::Tss2_TctiLdr_Initialize(tcti.c_str(), &tpm->tcti_); code != 0)
      return fail(Errc::NotFound,
                  fmt::format("no TPM at {}: {}; is it there, and is this user allowed to "
                              "use it? `alibi init --tpm --tcti` names another one",
                              tcti, ::Tss2_RC_Decode(code)));
    if (const auto code = ::Esys_Initialize(&tpm->esys_, tpm->tcti_, nullptr); code != 0)
      return refused("connect", code);
    // A simulated TPM must be started; on a real one the firmware did that.
    const auto started = ::Esys_Startup(tpm->esys_, TPM2_SU_CLEAR);
    if (started != 0 && started != TPM2_RC_INITIALIZE) return refused("start", started);
    if (auto made = tpm->make_storage_key(); !made) return std::unexpected(made.error());
    if (auto made = tpm->begin_session(); !made) return std::unexpected(made.error());
    return tpm;
  }

  Tpm(const Tpm&) = delete;
  Tpm& operator=(const Tpm&) = delete;
  ~Tpm() {
    for (const ESYS_TR handle : {session_, storage_key_})
      if (handle != ESYS_TR_NONE) (void)::Esys_FlushContext(esys_, handle);
    if (esys_) ::Esys_Finalize(&esys_);
    if (tcti_) ::Tss2_TctiLdr_Finalize(&tcti_);
  }

  Result<std::pair<std::string, std::string>> seal(std::string_view secret);
  Result<std::string> unseal(std::string_view public_part, std::string_view private_part);

 private:
  Tpm() = default;
  Status make_storage_key();
  Status begin_session();

  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
  ESYS_TR storage_key_ = ESYS_TR_NONE;
  ESYS_TR session_ = ESYS_TR_NONE;
};

/// The same template gives the same key, as long as nobody clears the TPM.
Status Tpm::make_storage_key() {
  TPM2B_PUBLIC shape{};
  TPMT_PUBLIC& area = shape.publicArea;
  area.type = TPM2_ALG_ECC;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_FIXEDTPM |
                          TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                          TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  TPMS_ECC_PARMS& curve = area.parameters.eccDetail;
  curve.symmetric.algorithm = TPM2_ALG_AES;
  curve.symmetric.keyBits.aes = 128;
  curve.symmetric.mode.aes = TPM2_ALG_CFB;
  curve.scheme.scheme = TPM2_ALG_NULL;
  curve.curveID = TPM2_ECC_NIST_P256;
  curve.kdf.scheme = TPM2_ALG_NULL;
  const TPM2B_SENSITIVE_CREATE no_secret{};
  const TPM2B_DATA no_data{};
  const TPML_PCR_SELECTION no_pcr{};
  const auto code = ::Esys_CreatePrimary(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &no_secret, &shape, &no_data, &no_pcr,
                                         &storage_key_, nullptr, nullptr, nullptr, nullptr);
  return code == 0 ? Status{} : refused("make the storage key", code);
}

Status Tpm::begin_session() {
  TPMT_SYM_DEF cipher{};
  cipher.algorithm = TPM2_ALG_AES;
  cipher.keyBits.aes = 128;
  cipher.mode.aes = TPM2_ALG_CFB;
  if (const auto code = ::Esys_StartAuthSession(esys_, storage_key_, ESYS_TR_NONE, ESYS_TR_NONE,
                                                ESYS_TR_NONE, ESYS_TR_NONE, nullptr, TPM2_SE_HMAC,
                                                &cipher, TPM2_ALG_SHA256, &session_);
      code != 0)
    return refused("begin a session", code);
  constexpr TPMA_SESSION kAttributes =
      TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
  const auto code = ::Esys_TRSess_SetAttributes(esys_, session_, kAttributes, 0xFF);
  return code == 0 ? Status{} : refused("encrypt the session", code);
}

Result<std::pair<std::string, std::string>> Tpm::seal(std::string_view secret) {
  TPM2B_SENSITIVE_CREATE sensitive{};
  sensitive.sensitive.data.size = static_cast<UINT16>(secret.size());
  std::memcpy(sensitive.sensitive.data.buffer, secret.data(), secret.size());
  TPM2B_PUBLIC shape{};
  shape.publicArea.type = TPM2_ALG_KEYEDHASH;
  shape.publicArea.nameAlg = TPM2_ALG_SHA256;
  shape.publicArea.objectAttributes =
      TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA;
  shape.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
  const TPM2B_DATA no_data{};
  const TPML_PCR_SELECTION no_pcr{};
  TPM2B_PRIVATE* private_raw = nullptr;
  TPM2B_PUBLIC* public_raw = nullptr;
  const auto code =
      ::Esys_Create(esys_, storage_key_, session_, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &shape,
                    &no_data, &no_pcr, &private_raw, &public_raw, nullptr, nullptr, nullptr);
  ::sodium_memzero(&sensitive, sizeof sensitive);
  if (code != 0) return refused("keep the key", code);
  const Owned<TPM2B_PRIVATE> private_part(private_raw);
  const Owned<TPM2B_PUBLIC> public_part(public_raw);
  std::string public_bytes(sizeof(TPM2B_PUBLIC), '\0');
  std::string private_bytes(sizeof(TPM2B_PRIVATE), '\0');
  std::size_t public_used = 0;
  std::size_t private_used = 0;
  auto done = ::Tss2_MU_TPM2B_PUBLIC_Marshal(public_part.get(),
                                             reinterpret_cast<BYTE*>(public_bytes.data()),
                                             public_bytes.size(), &public_used);
  if (done == 0)
    done = ::Tss2_MU_TPM2B_PRIVATE_Marshal(private_part.get(),
                                           reinterpret_cast<BYTE*>(private_bytes.data()),
                                           private_bytes.size(), &private_used);
  if (done != 0) return refused("write the blob", done);
  public_bytes.resize(public_used);
  private_bytes.resize(private_used);
  return std::pair(std::move(public_bytes), std::move(private_bytes));
}

Result<std::string> Tpm::unseal(std::string_view public_part, std::string_view private_part) {
  TPM2B_PUBLIC shape{};
  TPM2B_PRIVATE blob{};
  std::size_t public_used = 0;
  std::size_t private_used = 0;
  if (::Tss2_MU_TPM2B_PUBLIC_Unmarshal(reinterpret_cast<const BYTE*>(public_part.data()),
                                       public_part.size(), &public_used, &shape) != 0 ||
      public_used != public_part.size() ||
      ::Tss2_MU_TPM2B_PRIVATE_Unmarshal(reinterpret_cast<const BYTE*>(private_part.data()),
                                        private_part.size(), &private_used, &blob) != 0 ||
      private_used != private_part.size())
    return fail(Errc::Corrupt, "the key kept by the TPM is not readable: it is no such blob");
  ESYS_TR object = ESYS_TR_NONE;
  if (const auto code = ::Esys_Load(esys_, storage_key_, session_, ESYS_TR_NONE, ESYS_TR_NONE,
                                    &blob, &shape, &object);
      code != 0)
    return refused("open the key (another TPM, or this one was cleared)", code);
  TPM2B_SENSITIVE_DATA* raw = nullptr;
  const auto code = ::Esys_Unseal(esys_, object, session_, ESYS_TR_NONE, ESYS_TR_NONE, &raw);
  (void)::Esys_FlushContext(esys_, object);
  if (code != 0) return refused("read the key", code);
  const Owned<TPM2B_SENSITIVE_DATA> data(raw);
  std::string secret(reinterpret_cast<const char*>(data->buffer), data->size);
  ::sodium_memzero(data->buffer, data->size);
  return secret;
}

/// The value of `key VALUE LF` at the beginning of `text`, which is moved behind it.
Result<std::string_view> take_line(std::string_view& text, std::string_view key) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(key) || text.size() <= key.size() ||
      text[key.size()] != ' ')
    return fail(Errc::Corrupt,
                fmt::format("the key kept by the TPM is not readable: no line \"{}\"", key));
  const auto value = text.substr(key.size() + 1, end - key.size() - 1);
  text.remove_prefix(end + 1);
  return value;
}

}  // namespace

Result<std::string> keep_in_tpm(const SigningKey& key, const std::string& tcti) {
  auto tpm = Tpm::open(tcti);
  if (!tpm) return std::unexpected(tpm.error());
  std::string seed = key.seed();
  auto blob = (*tpm)->seal(seed);
  ::sodium_memzero(seed.data(), seed.size());
  if (!blob) return std::unexpected(blob.error());
  return fmt::format("{}name {}\ntcti {}\npublic {}\nprivate {}\n", kTitle,
                     key.verification_key().name, tcti, to_base64(blob->first),
                     to_base64(blob->second));
}

Result<SigningKey> key_from_tpm(std::string_view text) {
  if (text.size() > kTextBytesMax || !text.starts_with(kTitle))
    return fail(Errc::Corrupt, "the key kept by the TPM is not readable: wrong first line");
  text.remove_prefix(kTitle.size());
  std::string_view values[4];
  constexpr std::string_view kKeys[4] = {"name", "tcti", "public", "private"};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = take_line(text, kKeys[i]);
    if (!value) return std::unexpected(value.error());
    values[i] = *value;
  }
  const auto public_part = from_base64(values[2]);
  const auto private_part = from_base64(values[3]);
  if (!text.empty() || !public_part || !private_part)
    return fail(Errc::Corrupt, "the key kept by the TPM is not readable: base64");
  auto tpm = Tpm::open(std::string(values[1]));
  if (!tpm) return std::unexpected(tpm.error());
  auto seed = (*tpm)->unseal(*public_part, *private_part);
  if (!seed) return std::unexpected(seed.error());
  if (seed->size() != kSeedBytes)
    return fail(Errc::Corrupt, "the key kept by the TPM has a wrong length");
  auto key = SigningKey::from_seed(std::string(values[0]), SignatureType::Ed25519, *seed);
  ::sodium_memzero(seed->data(), seed->size());
  return key;
}

}  // namespace alibi::seal
