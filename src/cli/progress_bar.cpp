#include "cli/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "report/style.hpp"

namespace alibi::cli {
namespace {

constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kInterval = std::chrono::milliseconds(200);
constexpr std::size_t kWidth = 30;

std::string bar_of(std::uint64_t done, std::uint64_t total) {
  const double part =
      total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * kWidth);
  return fmt::format("\r[{}{}] {:3.0f} %  {} of {}\x1b[K", std::string(filled, '#'),
                     std::string(kWidth - filled, ' '), part * 100, report::bytes_text(done),
                     report::bytes_text(total));
}

}  // namespace

ProgressBar::ProgressBar(const verify::Progress& progress) : progress_(progress) {
  if (::isatty(STDERR_FILENO) == 1)
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProgressBar::~ProgressBar() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void ProgressBar::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto never = [] { return false; };
  wake_.wait_for(lock, stop, kPatience, never);
  bool is_shown = false;
  while (!stop.stop_requested()) {
    fmt::print(stderr, "{}", bar_of(progress_.done_bytes, progress_.total_bytes));
    std::fflush(stderr);
    is_shown = true;
    wake_.wait_for(lock, stop, kInterval, never);
  }
  if (is_shown) fmt::print(stderr, "\r\x1b[K");
}

}  // namespace alibi::cli
