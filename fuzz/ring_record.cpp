// Records of all kernel rings: any bytes are translated or refused.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "event/csv.hpp"
#include "recorder/network_translator.hpp"
#include "recorder/packet_translator.hpp"
#include "recorder/process_translator.hpp"
#include "recorder/tls_translator.hpp"

namespace {

using namespace alibi;

struct Fixture {
  recorder::ClockSource clocks;
  std::optional<recorder::WallClock> clock;
  recorder::Options options;
  std::optional<recorder::Translation> shared;
  std::optional<recorder::ProcessTranslator> processes;
  std::optional<recorder::PacketOwners> owners;
  std::optional<recorder::NetworkTranslator> network;
  std::optional<recorder::PacketTranslator> packets;
  std::optional<recorder::TlsTranslator> tls;

  Fixture() {
    auto opened = recorder::WallClock::open(clocks);
    if (!opened) __builtin_trap();
    clock.emplace(std::move(*opened));
    shared.emplace(options, *clock);
    processes.emplace(*shared, nullptr);
    shared->reads_streams = true;
    owners.emplace(*shared);
    network.emplace(*shared, &*owners);
    packets.emplace(*shared, *owners, nullptr);
    tls.emplace(*shared);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Fixture fixture;
  // The kernel aligns records to eight bytes.
  std::vector<std::uint64_t> aligned((size + 7) / 8);
  if (size > 0) __builtin_memcpy(aligned.data(), data, size);
  const auto bytes = std::as_bytes(std::span(aligned)).first(size);
  (void)fixture.processes->translate(bytes);
  (void)fixture.network->translate(bytes);
  if (const auto packet = recorder::view_packet(bytes)) fixture.owners->note(*packet->fixed);
  (void)fixture.packets->translate(bytes);
  (void)fixture.packets->take();
  (void)fixture.tls->translate(bytes);
  for (const auto& record : fixture.shared->out) {
    std::string line;
    event::append_csv(line, record);
    line.pop_back();
    if (!event::parse_csv(line)) __builtin_trap();  // whatever we write we can read
  }
  fixture.shared->out.clear();
  fixture.shared->processes.prune(BootNs{~0ULL}, [](const recorder::Process&) {});
  return 0;
}
