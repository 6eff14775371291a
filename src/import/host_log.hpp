#pragma once
// All events of one host, joined: times in UTC, each event with its process, what
// two logs tell about one thing told once. docs/decisions/import-identity.md.
//
//   add* -> finish
//
// Memory: one draft for each event that becomes a record. Thread: one.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "import/identities.hpp"

namespace alibi::import {

class HostLog {
 public:
  explicit HostLog(std::string host) : host_(std::move(host)) {}

  void add(Draft draft);

  struct Finished {
    std::vector<event::Record> records;               ///< by time, without numbers
    std::map<std::string, std::uint64_t> told_twice;  ///< why left out, how many
    /// Seconds that clocks of events without a stated zone are ahead of UTC, by file.
    std::map<std::uint32_t, std::int64_t> zones_s;
  };
  /// Leaves the object empty.
  [[nodiscard]] Finished finish();

  [[nodiscard]] const std::string& host() const { return host_; }

 private:
  using Id = Identities::Id;

  void learn(const Draft& draft);
  void vote_zone(const Draft& draft);
  void apply_zones(Finished& finished);
  void learn_creations(Finished& finished);
  void learn_ends(Finished& finished);
  void join_flows(Finished& finished);
  void choose_sides();
  [[nodiscard]] std::set<event::IpAddress> own_addresses() const;
  void resolve_parent(Draft& draft);
  void resolve(Draft& draft);
  void resolve_by_pid(Draft& draft);
  void fill_process(Draft& draft, Id id);
  void finish_flow(event::Record& record) const;
  void spread_first_mentions();
  void emit_processes(std::vector<event::Record>& records) const;
  void emit_clock_step(std::vector<event::Record>& records) const;
  std::optional<Id> life_of(const Draft& draft, std::int64_t slack_ns);

  std::string host_;
  std::vector<Draft> drafts_;
  Identities identities_;
  std::map<std::uint32_t, std::map<std::int64_t, std::uint64_t>> zone_votes_;
  std::map<std::uint32_t, std::map<std::int64_t, std::uint64_t>> collector_votes_;
};

}  // namespace alibi::import
