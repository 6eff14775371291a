#include "recorder/tls_library.hpp"

#include <gtest/gtest.h>

namespace alibi::recorder {
namespace {

TEST(TlsLibrary, IsToldByItsName) {
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libssl.so.3", "/opt/x/libssl.so.1.1",
                           "/a/libssl-3e69114b.so.1.1.1k", "libssl.so"})
    EXPECT_EQ(tls_library_of(path), ALIBI_TLS_OPENSSL) << path;
  for (const char* path : {"/usr/lib/libgnutls.so.30", "/x/libgnutls-0a.so.30.34.3"})
    EXPECT_EQ(tls_library_of(path), ALIBI_TLS_GNUTLS) << path;
  for (const char* path :
       {"/usr/lib/libssl3.so", "/usr/lib/libgnutls-dane.so.0", "/usr/lib/libgnutlsxx.so",
        "/usr/lib/libgnutls-openssl.so.27", "/x/libssl.so.d/other", "/x/libssl-.so.3",
        "/x/libssl.socket", "/x/libcrypto.so.3", ""})
    EXPECT_FALSE(tls_library_of(path)) << path;
}

TEST(TlsLibrary, LinesOfMaps) {
  const auto mapped = read_mapping(
      "7f3a90a00000-7f3a90a60000 r-xp 0001f000 08:01 1234567                    /opt/a "
      "b/libssl.so.3");
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->path, "/opt/a b/libssl.so.3");
  EXPECT_EQ(mapped->range, "7f3a90a00000-7f3a90a60000");
  EXPECT_FALSE(mapped->is_deleted);
  const auto deleted = read_mapping("1000-2000 r-xp 0 08:01 9 /lib/libssl.so.3 (deleted)");
  ASSERT_TRUE(deleted);
  EXPECT_EQ(deleted->path, "/lib/libssl.so.3");
  EXPECT_TRUE(deleted->is_deleted);
  for (const char* line :
       {"1000-2000 r--p 0 08:01 9 /lib/libssl.so.3", "1000-2000 r-xp 0 00:00 0 [vdso]",
        "1000-2000 r-xp 0 00:00 0", "1000-2000 r-xp", "x", ""})
    EXPECT_FALSE(read_mapping(line)) << line;
}

}  // namespace
}  // namespace alibi::recorder
