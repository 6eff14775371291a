#include "verify/work_pool.hpp"

#include <algorithm>

namespace alibi::verify {
namespace {
constexpr std::size_t kWaitingPerThread = 2;
}

WorkPool::WorkPool(unsigned threads) {
  for (unsigned i = 0; i < std::max(threads, 1U); ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

WorkPool::~WorkPool() { finish(); }

void WorkPool::submit(Work work) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return waiting_.size() < kWaitingPerThread * threads_.size(); });
  waiting_.push_back(std::move(work));
  has_work_.notify_one();
}

void WorkPool::finish() {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [&] { return waiting_.empty() && busy_ == 0; });
}

void WorkPool::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (has_work_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    has_room_.notify_all();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    --busy_;
    has_room_.notify_all();
  }
}

}  // namespace alibi::verify
