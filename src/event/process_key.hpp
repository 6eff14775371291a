#pragma once
// Identity of a process: never a bare pid, which the kernel hands out again.
//
// (boot id, pid in the initial pid namespace, start time). The boot id is the
// same for a whole segment (record kind `segment`) and therefore not repeated
// here. Written `pid@start`, start in microseconds of CLOCK_BOOTTIME, which is
// task_struct.start_boottime / 1000 (include/linux/sched.h, Linux 5.5).

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::event {

struct ProcessKey {
  std::uint64_t start_us = 0;
  std::uint32_t pid = 0;
  auto operator<=>(const ProcessKey&) const = default;
};

/// "4242@81234567"
[[nodiscard]] std::string to_text(ProcessKey key);
/// Empty when `text` is not exactly of that form.
[[nodiscard]] std::optional<ProcessKey> parse_process_key(std::string_view text);

}  // namespace alibi::event

template <>
struct std::hash<alibi::event::ProcessKey> {
  std::size_t operator()(const alibi::event::ProcessKey& key) const noexcept {
    return std::hash<std::uint64_t>{}(key.start_us * 0x9E3779B97F4A7C15ULL ^ key.pid);
  }
};
