#pragma once
// A log in memory, for the tests of query/ and report/: records in the order
// they were given, hints ignored except for time, since a reader may always
// return more than was asked for.

#include <algorithm>
#include <list>
#include <string>
#include <vector>

#include "store/log_reader.hpp"

namespace alibi::query {

class FakeLog : public store::LogReader {
 public:
  /// Boot clock and wall clock differ by this in all records made here.
  static constexpr std::int64_t kOffsetNs = 1'700'000'000'000'000'000;

  event::Record& add(event::Kind kind, std::uint64_t boot_ms) {
    event::Record record;
    record.seq = entries_.size() + 1;
    record.kind = kind;
    record.boot = {boot_ms * 1'000'000};
    record.time = wall(boot_ms);
    entries_.push_back({record, boot_id_});
    return entries_.back().record;
  }

  event::Record& fork(event::ProcessKey child, event::ProcessKey parent) {
    event::Record& record = add(event::Kind::Fork, child.start_us / 1000);
    record.process = child;
    record.parent = parent;
    return record;
  }

  event::Record& exec(event::ProcessKey process, std::uint64_t boot_ms,
                      std::vector<std::string> args) {
    event::Record& record = add(event::Kind::Exec, boot_ms);
    record.process = process;
    record.exe = args.front();
    record.args = std::move(args);
    record.user = "root";
    return record;
  }

  event::Record& exit(event::ProcessKey process, std::uint64_t boot_ms, std::string result) {
    event::Record& record = add(event::Kind::Exit, boot_ms);
    record.process = process;
    record.result = std::move(result);
    return record;
  }

  event::Record& flow(event::Kind kind, event::ProcessKey process, std::uint64_t boot_ms,
                      std::string result) {
    event::Record& record = add(kind, boot_ms);
    record.process = process;
    record.flow = "1f@4026531840";
    record.proto = "tcp";
    record.local = event::parse_endpoint("10.0.0.1:40000");
    record.remote = event::parse_endpoint("192.0.2.7:443");
    record.direction = event::Direction::Out;
    record.result = std::move(result);
    record.grade = event::Grade::Proven;
    record.via = "connect";
    return record;
  }

  void begin_boot(std::string boot_id) { boot_id_ = std::move(boot_id); }

  static WallNs wall(std::uint64_t boot_ms) {
    return {kOffsetNs + static_cast<std::int64_t>(boot_ms) * 1'000'000};
  }

  Status scan(const store::Hints& hints, store::Order order, Visit visit) override {
    std::vector<const Entry*> order_of_visit;
    for (const Entry& entry : entries_)
      order_of_visit.push_back(&entry);
    if (order == store::Order::NewestFirst) std::ranges::reverse(order_of_visit);
    for (const Entry* entry : order_of_visit) {
      if (hints.from && entry->record.time < *hints.from) continue;
      if (hints.to && entry->record.time > *hints.to) continue;
      if (visit({entry->record, &entry->boot_id}) == Go::Stop) break;
    }
    return {};
  }

  Status follow(const store::Hints& hints, Visit visit, std::move_only_function<bool()>) override {
    return scan(hints, store::Order::OldestFirst, std::move(visit));
  }

  [[nodiscard]] const store::Skipped& skipped() const override { return skipped_; }

 private:
  struct Entry {
    event::Record record;
    std::string boot_id;
  };
  std::list<Entry> entries_;
  std::string boot_id_ = "boot-a";
  store::Skipped skipped_;
};

}  // namespace alibi::query
