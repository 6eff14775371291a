#pragma once
// SHA-256 (FIPS 180-4) of files of the log, by OpenSSL. Thread: one per object.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/disk.hpp"

struct evp_md_ctx_st;

namespace alibi::store {

class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// 32 bytes. Nothing can be added after it.
  [[nodiscard]] std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of the whole file. Errors: Io.
[[nodiscard]] Result<std::string> sha256_of_file(Disk& disk, const Disk::Path& path);

}  // namespace alibi::store
