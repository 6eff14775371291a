#pragma once
// Records as a busy machine makes them, without a machine: process lives (fork,
// exec, libraries, a name looked up, a connection, exit) of some hundred
// programs, users and hosts. The same seed gives the same records.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "event/record.hpp"

namespace alibi::bench {

class Workload {
 public:
  /// `gap_ns`: between two records, on average. `offset_ns`: of the wall clock from that of the
  /// boot.
  explicit Workload(std::uint64_t seed, std::uint64_t gap_ns = 220'000,
                    std::int64_t offset_ns = 1'795'314'530'000'000'000)
      : random_(seed), gap_ns_(gap_ns), offset_ns_(offset_ns) {}

  /// When the latest record was.
  [[nodiscard]] BootNs now() const { return {boot_ns_}; }
  /// Nothing happens before then.
  void rest_until(BootNs time) { boot_ns_ = std::max(boot_ns_, time.ns); }

  /// The records of one process's life, in order.
  [[nodiscard]] std::vector<event::Record> next_life();
  /// At least `count` records, of whole lives.
  [[nodiscard]] std::vector<event::Record> take(std::size_t count);

 private:
  struct Life;
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  event::Record start_record(event::Kind kind, const Life& life, char ring);
  void add_libraries(const Life& life, std::vector<event::Record>& records);
  void add_lookup(const Life& life, const std::string& host, std::vector<event::Record>& records);
  void add_flow(const Life& life, const std::string& host, std::vector<event::Record>& records);

  std::mt19937_64 random_;
  std::uint64_t gap_ns_;
  std::int64_t offset_ns_;
  std::uint64_t boot_ns_ = 81'000'000'000;
  static constexpr std::uint32_t kFirstPid = 1000;
  static constexpr std::uint32_t kPidMax = 4'194'303;  // the kernel's own limit
  std::uint32_t next_pid_ = kFirstPid;
  std::uint64_t process_ring_ = 0;
  std::uint64_t network_ring_ = 0;
  std::uint64_t cookie_ = 0x1000;
};

}  // namespace alibi::bench
