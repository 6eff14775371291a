#pragma once
// Tells people: findings in, messages out over all channels of each person.
// What cannot be delivered waits on disk and is tried again, after 10 s, 20 s,
// ... an hour. A thread of its own delivers, so that nobody waits for a mail
// server; the other members are for the one thread that owns the object.

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "notify/grouping.hpp"
#include "notify/outbox.hpp"
#include "notify/settings.hpp"

namespace alibi::notify {

class Notifier {
 public:
  /// Errors: Io (the outbox).
  static Result<std::unique_ptr<Notifier>> start(const Settings& settings,
                                                 const std::filesystem::path& outbox);
  /// Puts what waits for its interval into the outbox first.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  void use(const Settings& settings);
  void add(const Finding& finding) { grouping_.add(finding); }
  /// To be called about once a second.
  void tick();

  struct Counts {
    std::uint64_t delivered = 0;
    std::uint64_t failed_attempts = 0;
    std::uint64_t given_up = 0;  ///< too old
    std::uint64_t unqueued = 0;  ///< the disk refused
    std::uint64_t waiting = 0;
    std::string last_error;
  };
  [[nodiscard]] Counts counts() const;

 private:
  Notifier(const Settings& settings, Outbox outbox);
  void put(const std::vector<Report>& reports);
  void put_for(const Person& person, const Report& report);
  void deliver_loop(const std::stop_token& stop);
  void try_one(Outbox::Entry& entry);

  mutable std::mutex mutex_;  ///< of settings_ and counts_
  Settings settings_;
  Counts counts_;
  Outbox outbox_;
  Grouping grouping_;
  std::condition_variable_any is_new_;
  bool has_new_ = true;
  std::jthread thread_;
};

}  // namespace alibi::notify
