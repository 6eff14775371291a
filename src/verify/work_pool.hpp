#pragma once
// Runs independent pieces of work on all processors. submit() waits while as
// many pieces wait as would use up memory. Thread: submit and finish from one.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace alibi::verify {

class WorkPool {
 public:
  using Work = std::move_only_function<void()>;

  explicit WorkPool(unsigned threads);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  void submit(Work work);
  /// Until everything submitted is done.
  void finish();

 private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any has_work_;
  std::condition_variable has_room_;
  std::deque<Work> waiting_;
  std::size_t busy_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace alibi::verify
