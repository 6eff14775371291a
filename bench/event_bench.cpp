// What one record costs as text: encoder, decoder, Community ID.

#include <benchmark/benchmark.h>

#include <string>

#include "event/community_id.hpp"
#include "event/csv.hpp"
#include "workload.hpp"

namespace alibi::bench {
namespace {

void encode(benchmark::State& state) {
  const auto records = Workload(1).take(5000);
  std::string out;
  std::size_t at = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    if (at == records.size()) at = 0;
    out.clear();
    event::append_csv(out, records[at++]);
    bytes += out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(encode);

void decode(benchmark::State& state) {
  std::vector<std::string> lines;
  for (const auto& record : Workload(1).take(5000)) {
    event::append_csv(lines.emplace_back(), record);
    lines.back().pop_back();
  }
  std::size_t at = 0;
  for (auto _ : state) {
    if (at == lines.size()) at = 0;
    benchmark::DoNotOptimize(event::parse_csv(lines[at++]));
  }
}
BENCHMARK(decode);

void community_id(benchmark::State& state) {
  const auto local = *event::parse_endpoint("10.0.0.7:40000");
  const auto remote = *event::parse_endpoint("203.0.113.9:443");
  for (auto _ : state)
    benchmark::DoNotOptimize(event::community_id(6, local, remote));
}
BENCHMARK(community_id);

}  // namespace
}  // namespace alibi::bench
