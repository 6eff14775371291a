#include "store/sha256.hpp"

#include <fcntl.h>
#include <openssl/evp.h>

#include <span>

#include "base/check.hpp"

namespace alibi::store {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { ::EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(::EVP_MD_CTX_new()) {
  ALIBI_CHECK(context_ && ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::string_view bytes) {
  ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Sha256::finish() {
  std::string digest(32, '\0');
  ::EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

Result<std::string> sha256_of_file(Disk& disk, const Disk::Path& path) {
  const auto fd = disk.open(path, O_RDONLY);
  if (!fd) return std::unexpected(fd.error());
  Sha256 sha;
  std::string piece(1U << 20, '\0');
  for (std::uint64_t offset = 0;;) {
    const auto got = disk.read(fd->get(), std::span(piece), offset);
    if (!got) return during("read " + path.string(), got.error());
    if (*got == 0) return sha.finish();
    sha.add(std::string_view(piece).substr(0, *got));
    offset += *got;
  }
}

}  // namespace alibi::store
