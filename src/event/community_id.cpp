#include "event/community_id.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace alibi::event {
namespace {

/// One side never exceeds 16 + 2 bytes; seed, protocol and padding are 4.
struct Input {
  std::array<unsigned char, 2 * 18 + 4> bytes{};
  std::size_t size = 0;

  void add(std::uint8_t byte) { bytes[size++] = byte; }
  void add(std::span<const std::uint8_t> octets) {
    for (const auto byte : octets)
      add(byte);
  }
  void add_port(std::uint16_t port) {
    add(static_cast<std::uint8_t>(port >> 8));
    add(static_cast<std::uint8_t>(port));
  }
};

}  // namespace

std::string community_id(std::uint8_t ip_protocol, const Endpoint& a, const Endpoint& b) {
  const auto less = [](const Endpoint& x, const Endpoint& y) {
    if (std::ranges::equal(x.address.octets(), y.address.octets())) return x.port < y.port;
    return std::ranges::lexicographical_compare(x.address.octets(), y.address.octets());
  };
  const Endpoint& low = less(b, a) ? b : a;
  const Endpoint& high = &low == &a ? b : a;

  Input input;
  input.add_port(0);  // the seed
  input.add(low.address.octets());
  input.add(high.address.octets());
  input.add(ip_protocol);
  input.add(0);
  if (low.port && high.port) {
    input.add_port(*low.port);
    input.add_port(*high.port);
  }
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(input.bytes.data(), input.size, digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64{};
  const int length = ::EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return "1:" + std::string(base64.begin(), base64.begin() + length);
}

}  // namespace alibi::event
