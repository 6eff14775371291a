#include "packet/certificate.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "event/address.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kNamesMax = 256;

struct Free {
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
};

std::string distinguished_name(const X509_NAME* name) {
  const std::unique_ptr<BIO, Free> out(::BIO_new(::BIO_s_mem()));
  if (!out || ::X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "";
  char* text = nullptr;
  const long size = ::BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) return "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string raw_text(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(::ASN1_STRING_length(text))};
}

std::string address_text(const ASN1_STRING* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ::ASN1_STRING_length(octets);
  if (size != 4 && size != 16) return "";
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ::ASN1_STRING_get0_data(octets), text.data(),
              text.size());
  return text.data();
}

void add_name(std::vector<std::string>& names, std::string name) {
  if (name.empty() || names.size() == kNamesMax || std::ranges::find(names, name) != names.end())
    return;
  names.push_back(std::move(name));
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const X509_NAME* subject = ::X509_get_subject_name(certificate);
  for (int at = -1; (at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
    add_name(names, raw_text(::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at))));
  const std::unique_ptr<GENERAL_NAMES, Free> others(static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = others ? sk_GENERAL_NAME_num(others.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(others.get(), i);
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
      add_name(names, raw_text(name->d.ia5));
    if (name->type == GEN_IPADD) add_name(names, address_text(name->d.iPAddress));
  }
  return names;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, ::EVP_sha256(), nullptr) != 1)
    return "";
  std::string hex;
  for (unsigned i = 0; i < size; ++i)
    hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

std::optional<Finding> certificate_finding(std::span<const std::byte> der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<X509, Free> certificate(
      ::d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (!certificate) {
    ::ERR_clear_error();
    return std::nullopt;
  }
  std::string names;
  for (const std::string& name : names_of(certificate.get()))
    names.append(names.empty() ? "" : ",").append(name);
  Finding finding{.kind = FindingKind::TlsCertificate};
  const auto tell = [&](std::string_view field, std::string value) {
    if (!value.empty()) finding.fields.emplace_back(field, std::move(value));
  };
  tell("subject", distinguished_name(::X509_get_subject_name(certificate.get())));
  tell("names", std::move(names));
  tell("issuer", distinguished_name(::X509_get_issuer_name(certificate.get())));
  tell("not_before", time_text(::X509_get0_notBefore(certificate.get())));
  tell("not_after", time_text(::X509_get0_notAfter(certificate.get())));
  tell("sha256", sha256_hex(der));
  ::ERR_clear_error();
  return finding;
}

}  // namespace alibi::packet
