#include "verify/rollback.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace alibi::verify {
namespace {
constexpr std::string_view kMagic{"alibi-epoch-v1\n\0", 16};
constexpr off_t kSlotOffsets[] = {0, 4096};
}  // namespace

std::optional<std::vector<std::uint64_t>> read_epoch_slots(const Directory& top) {
  const auto secret = top.directory("secret");
  if (!secret) return std::nullopt;
  const auto file = secret->file("epoch.key");
  if (!file) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const off_t offset : kSlotOffsets) {
    std::array<char, kMagic.size() + 8> head{};
    if (::pread(file->fd.get(), head.data(), head.size(), offset) !=
            static_cast<ssize_t>(head.size()) ||
        std::string_view(head.data(), kMagic.size()) != kMagic)
      continue;
    std::uint64_t number = 0;
    for (std::size_t i = kMagic.size(); i < head.size(); ++i)
      number = number << 8 | static_cast<unsigned char>(head[i]);
    numbers.push_back(number);
  }
  return numbers;
}

void check_rollback(const std::vector<std::uint64_t>& slots, std::uint64_t last, bool is_over,
                    bool is_growing, std::uint64_t size, Findings& findings) {
  if (slots.empty()) return;
  const auto [lowest, greatest] = std::ranges::minmax(slots);
  const Place place{.leaf = size - 1, .file = "secret/epoch.key"};
  // Once an epoch has ended, the key of the next one may be the lowest there is.
  if (lowest > last + (is_over ? 1 : 0)) {
    findings.add(Step::Rollback, Verdict::Rollback, place,
                 "the key file is at epoch " + std::to_string(greatest) +
                     " and the log ends in epoch " + std::to_string(last));
  } else if (greatest < last && !is_growing) {
    findings.add(Step::Rollback, Verdict::Rollback, place,
                 "the key file is an old one: epoch " + std::to_string(greatest) +
                     ", and the log ends in epoch " + std::to_string(last));
  }
}

}  // namespace alibi::verify
