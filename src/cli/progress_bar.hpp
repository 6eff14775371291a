#pragma once
// A line on standard error that shows how far a long work is; only where that is a
// terminal, and only when the work takes more than a second. Thread: its own.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "verify/inputs.hpp"

namespace alibi::cli {

class ProgressBar {
 public:
  explicit ProgressBar(const verify::Progress& progress);
  /// The line goes.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

 private:
  void run(const std::stop_token& stop);

  const verify::Progress& progress_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace alibi::cli
