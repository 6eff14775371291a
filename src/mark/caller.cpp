#include "mark/caller.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace alibi::mark {
namespace {

/// Microseconds since boot; 0 where it could not be read. proc(5), field 22 of
/// stat; the command in parentheses may have blanks and parentheses.
std::uint64_t start_us(std::uint32_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const auto end = line.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(line.substr(end + 1));
  constexpr int kFieldsBefore = 19;  // 3 to 21
  std::string skipped;
  for (int k = 0; k < kFieldsBefore; ++k)
    rest >> skipped;
  std::uint64_t ticks = 0;
  rest >> ticks;
  const long per_second = ::sysconf(_SC_CLK_TCK);
  return per_second > 0 ? ticks * 1'000'000 / static_cast<std::uint64_t>(per_second) : 0;
}

}  // namespace

void describe_caller(const Caller& caller, event::Record& record) {
  std::error_code ignored;
  record.exe = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", caller.pid), ignored);
  record.extra.emplace_back("uid", std::to_string(caller.uid));
  record.extra.emplace_back("pid", std::to_string(caller.pid));
  record.extra.emplace_back("start_us", std::to_string(start_us(caller.pid)));
}

}  // namespace alibi::mark
