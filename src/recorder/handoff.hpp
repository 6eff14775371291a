#pragma once
// A bounded queue from exactly one thread to exactly one other, without a lock:
// a thread at idle priority can never hold up the other side.

#include <semaphore.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <utility>

namespace alibi::recorder {

template <typename T, std::size_t Capacity>
class Handoff {
 public:
  Handoff() {
    ::sem_init(&free_, 0, Capacity);
    ::sem_init(&filled_, 0, 0);
  }
  Handoff(const Handoff&) = delete;
  Handoff& operator=(const Handoff&) = delete;
  ~Handoff() {
    ::sem_destroy(&free_);
    ::sem_destroy(&filled_);
  }

  /// Giving side. False (and `value` untouched) when full.
  [[nodiscard]] bool try_push(T& value) { return ::sem_trywait(&free_) == 0 && put(value); }
  /// Waits for room; false once closed.
  [[nodiscard]] bool push(T& value) { return wait(free_) && put(value); }

  /// Taking side. Empty when there is nothing.
  [[nodiscard]] std::optional<T> try_pop() {
    return ::sem_trywait(&filled_) == 0 ? take() : std::nullopt;
  }
  /// Waits; empty once closed.
  [[nodiscard]] std::optional<T> pop() { return wait(filled_) ? take() : std::nullopt; }

  /// Ends all waiting, now and later. Any thread.
  void close() {
    is_closed_ = true;
    ::sem_post(&free_);
    ::sem_post(&filled_);
  }

 private:
  bool wait(sem_t& semaphore) {
    while (!is_closed_ && ::sem_wait(&semaphore) != 0 && errno == EINTR) {
    }
    return !is_closed_;
  }
  bool put(T& value) {
    slots_[next_in_++ % Capacity] = std::move(value);
    ::sem_post(&filled_);  // a full barrier: what was put is seen by who takes
    return true;
  }
  std::optional<T> take() {
    std::optional<T> value(std::exchange(slots_[next_out_++ % Capacity], T{}));
    ::sem_post(&free_);
    return value;
  }

  sem_t free_{};
  sem_t filled_{};
  std::atomic<bool> is_closed_ = false;
  std::size_t next_in_ = 0;   // giving side only
  std::size_t next_out_ = 0;  // taking side only
  std::array<T, Capacity> slots_;
};

}  // namespace alibi::recorder
