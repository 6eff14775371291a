#include "recorder/tls_feed.hpp"

#include <fmt/format.h>

namespace alibi::recorder {

Result<std::unique_ptr<TlsFeed>> TlsFeed::start(Translation& shared) {
  auto feed = std::unique_ptr<TlsFeed>(new TlsFeed(shared));
  auto probes = TlsProbes::load(kRingBytes);
  if (!probes) return std::unexpected(probes.error());
  feed->probes_ = std::move(*probes);
  auto ring = RingReader::open(feed->probes_->ring_fd());
  if (!ring) return std::unexpected(ring.error());
  feed->ring_ = std::move(*ring);
  feed->probes_->attach_present();
  return feed;
}

std::uint64_t TlsFeed::read(std::uint64_t limit) {
  std::uint64_t unknown = 0;
  ring_->read(limit, [&](std::span<const std::byte> bytes) {
    if (!translator_.translate(bytes)) ++unknown;
  });
  ring_->release(ring_->cursor());
  return unknown;
}

void TlsFeed::on_mapping(const perf::MapExec& mapping) {
  const std::string range =
      fmt::format("{:x}-{:x}", mapping.address, mapping.address + mapping.length_bytes);
  probes_->attach_mapped(mapping.pid, {.path = mapping.path, .range = range});
}

void TlsFeed::tell(LossLedger& losses, BootNs now) {
  if (const auto counters = probes_->read_counters(); counters) {
    losses.observe("tls_ring_full", "tls", counters->lost, now);
    losses.observe("tls_unread", "tls", counters->unread, now);
  }
  losses.observe("request_streams_full", "tls_session", translator_.sessions_dropped(), now);
  translator_.tell_unreadable(losses, now);
  for (; told_ < libraries().size(); ++told_) {
    const TlsLibrary& library = libraries()[told_];
    event::Record record = shared_.make(event::Kind::Sensor, now, nullptr);
    record.name = "tls_requests";
    record.result = library.state;
    record.via = "uprobe";
    add(record, "library", library.path);
    add(record, "tls", library.name);
    if (!library.detail.empty()) add(record, "detail", library.detail);
    shared_.out.push_back(std::move(record));
  }
}

}  // namespace alibi::recorder
