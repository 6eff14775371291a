// QUIC datagrams as they are, and the same bytes as the frames of an Initial
// packet that was sealed as a client seals it: no fuzzer guesses a tag.

#include "packet/quic.hpp"

#include <openssl/evp.h>

#include <array>
#include <vector>

#include "packet/quic_keys.hpp"
#include "pieces.hpp"

namespace {

using namespace alibi::packet;

constexpr std::array<std::byte, 8> kConnection{};
constexpr std::size_t kNumberAt = 18;
constexpr std::size_t kTagBytes = 16;

/// First byte, version, connection ids, no token, length of two bytes; the
/// number has one byte.
std::vector<std::byte> header(std::size_t frame_bytes) {
  std::vector<std::byte> bytes{std::byte{0xc0}, {}, {}, {}, std::byte{1}, std::byte{8}};
  bytes.insert(bytes.end(), kConnection.begin(), kConnection.end());
  const std::size_t size = 1 + frame_bytes + kTagBytes;
  for (const std::size_t byte :
       {std::size_t{0}, std::size_t{0}, 0x40U | size >> 8U, size & 0xffU, std::size_t{0}})
    bytes.push_back(static_cast<std::byte>(byte));
  return bytes;
}

std::vector<std::byte> seal(const QuicKeys& keys, std::span<const std::byte> frames) {
  std::vector<std::byte> packet = header(frames.size());
  const std::size_t head_bytes = packet.size();
  packet.resize(head_bytes + frames.size() + kTagBytes);
  auto* at = reinterpret_cast<unsigned char*>(packet.data());
  EVP_CIPHER_CTX* context = ::EVP_CIPHER_CTX_new();
  int size = 0;
  ::EVP_EncryptInit_ex(context, ::EVP_aes_128_gcm(), nullptr, keys.key.data(), keys.iv.data());
  ::EVP_EncryptUpdate(context, nullptr, &size, at, static_cast<int>(head_bytes));
  ::EVP_EncryptUpdate(context, at + head_bytes, &size,
                      reinterpret_cast<const unsigned char*>(frames.data()),
                      static_cast<int>(frames.size()));
  ::EVP_EncryptFinal_ex(context, at + head_bytes + frames.size(), &size);
  ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, kTagBytes, at + head_bytes + frames.size());
  std::array<unsigned char, 16> mask{};
  ::EVP_CIPHER_CTX_reset(context);
  ::EVP_EncryptInit_ex(context, ::EVP_aes_128_ecb(), nullptr, keys.header_key.data(), nullptr);
  ::EVP_EncryptUpdate(context, mask.data(), &size, at + kNumberAt + 4, mask.size());
  ::EVP_CIPHER_CTX_free(context);
  at[0] ^= mask[0] & 0x0fU;
  at[kNumberAt] ^= mask[1];
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const QuicKeys keys = *quic_client_keys(QuicVersion::One, kConnection);
  constexpr std::size_t kFramesMax = 4096;
  const auto bytes = std::as_bytes(std::span(data, size));
  NoSink sink;
  QuicFlow plain;
  (void)is_quic_initial(bytes);
  plain.add(bytes, sink);
  plain.end(sink);
  QuicFlow sealed;
  in_pieces(
      bytes.first(std::min(size, kFramesMax)),
      [&](auto frames) {
        std::vector<std::byte> padded(frames.begin(), frames.end());
        padded.resize(padded.size() + 4);  // the sample of the header's protection
        const auto packet = seal(keys, padded);
        if (!open_quic_packet(keys, packet, kNumberAt)) __builtin_trap();
        sealed.add(packet, sink);
        return true;
      },
      [](std::size_t) { return true; });
  (void)sealed.kept_bytes();
  sealed.end(sink);
  return 0;
}
