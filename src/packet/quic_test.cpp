#include "packet/quic.hpp"

#include <gtest/gtest.h>

#include <string>

#include "packet/quic_keys.hpp"

namespace alibi::packet {
namespace {

template <typename Bytes>
std::string hex(const Bytes& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

constexpr std::array<std::byte, 8> kConnection{std::byte{0x83}, std::byte{0x94}, std::byte{0xc8},
                                               std::byte{0xf0}, std::byte{0x3e}, std::byte{0x51},
                                               std::byte{0x57}, std::byte{0x08}};

TEST(QuicKeys, OfRfc9001AppendixA) {
  const auto keys = quic_client_keys(QuicVersion::One, kConnection);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(hex(keys->key), "1f369613dd76d5467730efcbe3b1a22d");
  EXPECT_EQ(hex(keys->iv), "fa044b2f42a3fd3b46fb255c");
  EXPECT_EQ(hex(keys->header_key), "9f50449e04a0e810283a1e9933adedd2");
}

TEST(QuicKeys, OfRfc9369AppendixA) {
  const auto keys = quic_client_keys(QuicVersion::Two, kConnection);
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(hex(keys->key), "8b1a0bc121284290a29e0971b5cd045d");
  EXPECT_EQ(hex(keys->iv), "91f73e2351d8fa91660e909f");
  EXPECT_EQ(hex(keys->header_key), "45b95e15235d6f45a6b19cbcb0294ba9");
}

TEST(QuicKeys, WhatTheyDoNotOpenIsNotRead) {
  const auto keys = quic_client_keys(QuicVersion::One, kConnection);
  const std::vector<std::byte> packet(1200, std::byte{0xc3});
  EXPECT_FALSE(open_quic_packet(*keys, packet, 18).has_value());
  for (std::size_t size = 0; size < 64; ++size)
    EXPECT_FALSE(open_quic_packet(*keys, std::span(packet).first(size), 18).has_value());
}

}  // namespace
}  // namespace alibi::packet
