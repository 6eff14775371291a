#include "notify/notifier.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace alibi::notify {
namespace {

constexpr std::uint64_t kLongestWaitMs = 3'600'000;

std::int64_t unix_now_s() { return wall_now().ns / 1'000'000'000; }

std::string default_from() {
  char name[256] = "localhost";
  (void)::gethostname(name, sizeof(name) - 1);
  return std::string("alibi@") + name;
}

std::int64_t wait_s(std::uint64_t retry_ms, std::uint32_t attempts) {
  const std::uint64_t doubled = retry_ms << std::min(attempts, 20U);
  return static_cast<std::int64_t>(
      std::max<std::uint64_t>(std::min(doubled, kLongestWaitMs) / 1000, 1));
}

}  // namespace

Result<std::unique_ptr<Notifier>> Notifier::start(const Settings& settings,
                                                  const std::filesystem::path& outbox) {
  auto opened = Outbox::open(outbox);
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<Notifier>(new Notifier(settings, std::move(*opened)));
}

Notifier::Notifier(const Settings& settings, Outbox outbox)
    : settings_(settings),
      outbox_(std::move(outbox)),
      grouping_(settings.interval_ms),
      thread_([this](const std::stop_token& stop) { deliver_loop(stop); }) {}

Notifier::~Notifier() {
  put(grouping_.take_all());
  thread_.request_stop();
  is_new_.notify_all();
}

void Notifier::use(const Settings& settings) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
  grouping_.set_interval(settings.interval_ms);
}

void Notifier::tick() { put(grouping_.take_due(wall_now())); }

void Notifier::put(const std::vector<Report>& reports) {
  if (reports.empty()) return;
  for (const Report& report : reports) {
    const auto person = std::ranges::find(settings_.persons, report.person, &Person::name);
    if (person != settings_.persons.end()) put_for(*person, report);
  }
  const std::lock_guard lock(mutex_);
  has_new_ = true;
  is_new_.notify_all();
}

void Notifier::put_for(const Person& person, const Report& report) {
  const auto queue = [&](Channel channel, std::vector<std::string> target) {
    Message message{.channel = channel,
                    .target = std::move(target),
                    .subject = subject_of(report),
                    .text = channel == Channel::Webhook ? json_of(report) : text_of(report),
                    .created_s = unix_now_s()};
    if (channel == Channel::Mail) {
      message.server = settings_.smtp;
      message.from = settings_.from.empty() ? default_from() : settings_.from;
    }
    if (outbox_.put(std::move(message))) return;
    const std::lock_guard lock(mutex_);
    ++counts_.unqueued;
  };
  if (!person.mail.empty()) queue(Channel::Mail, {person.mail});
  if (!person.messenger.empty()) queue(Channel::Messenger, {person.messenger});
  if (!person.desktop.empty()) queue(Channel::Desktop, {person.desktop});
  if (!person.webhook.empty()) queue(Channel::Webhook, {person.webhook});
  if (!person.sound.empty()) queue(Channel::Sound, person.sound);
  if (person.is_syslog) queue(Channel::Syslog, {});
  if (person.is_wall) queue(Channel::Wall, {});
}

void Notifier::try_one(Outbox::Entry& entry) {
  const auto done = deliver(entry.message);
  const std::lock_guard lock(mutex_);
  if (done) {
    outbox_.remove(entry);
    ++counts_.delivered;
    return;
  }
  ++counts_.failed_attempts;
  counts_.last_error = done.error().message;
  const std::int64_t now = unix_now_s();
  if (now - entry.message.created_s > static_cast<std::int64_t>(settings_.keep_ms / 1000)) {
    outbox_.remove(entry);
    ++counts_.given_up;
    return;
  }
  entry.message.next_try_s = now + wait_s(settings_.retry_ms, entry.message.attempts++);
  (void)outbox_.rewrite(entry);
}

void Notifier::deliver_loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto entries = outbox_.list();
    for (auto& entry : entries) {
      // A clock that was set back must not keep a message for years.
      const std::int64_t left = entry.message.next_try_s - unix_now_s();
      if (left > 0 && left <= static_cast<std::int64_t>(kLongestWaitMs / 1000)) continue;
      if (stop.stop_requested()) return;
      try_one(entry);
    }
    const std::size_t waiting = entries.empty() ? 0 : outbox_.list().size();
    std::unique_lock lock(mutex_);
    counts_.waiting = waiting;
    is_new_.wait_for(lock, stop, std::chrono::seconds(1), [this] { return has_new_; });
    has_new_ = false;
  }
}

Notifier::Counts Notifier::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace alibi::notify
