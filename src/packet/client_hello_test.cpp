#include "packet/client_hello.hpp"

#include <gtest/gtest.h>

namespace alibi::packet {
namespace {

/// What Chrome sent when FoxIO published its fingerprint, with GREASE put in.
ClientHello chrome() {
  ClientHello hello;
  hello.legacy_version = 0x0303;
  hello.supported_versions = {0xdada, 0x0304, 0x0303};
  hello.ciphers = {0x4a4a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  hello.extensions = {0x3a3a, 0x0000, 0x0017, 0xff01, 0x000a, 0x000b, 0x0023, 0x0010, 0x0005,
                      0x000d, 0x0012, 0x0033, 0x002d, 0x002b, 0x001b, 0x4469, 0xcaca, 0x0015};
  hello.signature_algorithms = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  hello.alpn = {"h2", "http/1.1"};
  hello.server_name = "example.test";
  return hello;
}

TEST(Ja4, PublishedValueOfChrome) {
  EXPECT_EQ(ja4(chrome(), 't'), "t13d1516h2_8daaf6152771_e5627efa2ab1");
  EXPECT_EQ(ja4(chrome(), 'q'), "q13d1516h2_8daaf6152771_e5627efa2ab1");
}

TEST(Ja4, ExtensionsSentInAnotherOrderAreTheSame) {
  ClientHello hello = chrome();
  std::swap(hello.extensions[2], hello.extensions[9]);
  EXPECT_EQ(ja4(hello, 't'), ja4(chrome(), 't'));
}

TEST(Ja4, LaterChromeWithEncryptedHello) {
  ClientHello hello = chrome();
  std::erase(hello.extensions, 0x0015);
  std::erase(hello.extensions, 0x4469);
  hello.extensions.insert(hello.extensions.end(), {0x44cd, 0xfe0d});
  EXPECT_EQ(ja4(hello, 't'), "t13d1516h2_8daaf6152771_d8a2da3f94cd");
}

TEST(Ja4, WithoutAnything) {
  ClientHello hello;
  hello.legacy_version = 0x0301;
  EXPECT_EQ(ja4(hello, 't'), "t10i000000_000000000000_000000000000");
}

TEST(Ja4, ProtocolNamesThatAreNoText) {
  ClientHello hello = chrome();
  hello.alpn = {"\xab"};
  EXPECT_EQ(ja4(hello, 't').substr(8, 2), "ab");
  hello.alpn = {"\x30\xab"};
  EXPECT_EQ(ja4(hello, 't').substr(8, 2), "3b");
  hello.alpn = {"x"};
  EXPECT_EQ(ja4(hello, 't').substr(8, 2), "xx");
}

TEST(ClientHello, VersionTexts) {
  EXPECT_EQ(tls_version_text(0x0304), "1.3");
  EXPECT_EQ(tls_version_text(0x0301), "1.0");
  EXPECT_EQ(tls_version_text(0x0300), "3.0");
  EXPECT_EQ(tls_version_text(0x7f17), "0x7f17");
}

}  // namespace
}  // namespace alibi::packet
