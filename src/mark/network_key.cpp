#include "mark/network_key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/unique_fd.hpp"

namespace alibi::mark {
namespace {

constexpr std::size_t kDigits = std::size_t{ALIBI_MARK_KEY_BYTES} * 2;
constexpr unsigned kNoDigit = 16;

unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return kNoDigit;
}

}  // namespace

std::optional<NetworkKey> parse_network_key(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() != kDigits) return std::nullopt;
  NetworkKey key{};
  for (std::size_t k = 0; k < key.size(); ++k) {
    const unsigned high = digit_of(text[2 * k]);
    const unsigned low = digit_of(text[2 * k + 1]);
    if (high == kNoDigit || low == kNoDigit) return std::nullopt;
    key[k] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return key;
}

Result<NetworkKey> read_network_key(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open()) return fail_errno(errno, "open " + file.string());
  std::array<char, kDigits + 2> text{};  // one more than a key: longer is none
  const ssize_t bytes = ::read(fd.get(), text.data(), text.size());
  if (bytes < 0) return fail_errno(errno, "read " + file.string());
  const auto key = parse_network_key({text.data(), static_cast<std::size_t>(bytes)});
  if (!key)
    return fail(Errc::Usage, fmt::format("{} is no key: 32 hexadecimal digits in one line, as "
                                         "'openssl rand -hex 16' makes them",
                                         file.string()));
  return *key;
}

}  // namespace alibi::mark
