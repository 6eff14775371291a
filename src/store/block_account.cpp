#include "store/block_account.hpp"

#define XXH_INLINE_ALL
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <span>

#include "event/csv.hpp"
#include "event/number.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::store {
namespace {

using event::Kind;

/// The first columns of a line: seq, time, boot_ns, kind. They are never quoted.
struct Head {
  std::string_view seq;
  std::string_view time;
  std::string_view kind;
};

Head head_of(std::string_view line) {
  std::array<std::string_view, 4> fields;
  for (auto& field : fields) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return {};
    field = line.substr(0, comma);
    line.remove_prefix(comma + 1);
  }
  return {fields[0], fields[1], fields[3]};
}

/// Records that somebody makes who has taken the machine over, or that tell that
/// the recorder is being blinded.
bool may_matter(std::string_view kind) {
  constexpr std::array kKinds = {Kind::RecorderStart, Kind::RecorderStop, Kind::Sensor,
                                 Kind::Loss,          Kind::Clock,        Kind::Fault,
                                 Kind::KernelModule,  Kind::Signal,       Kind::Ptrace};
  return std::ranges::any_of(kKinds, [&](Kind known) { return kind == to_text(known); });
}

bool is_of_recorder(const event::Record& ptrace) {
  const auto target = ptrace.find_extra("target");
  return target.starts_with(std::to_string(::getpid()) + "@");
}

/// A regular sample of the clock tells nothing that happened.
bool is_leaf(const event::Record& record) {
  return record.kind == Kind::Loss || record.kind == Kind::Fault ||
         (record.kind == Kind::Clock && record.result != "sample");
}

bool is_to_be_sealed_at_once(const event::Record& record) {
  switch (record.kind) {
    case Kind::Ptrace: return is_of_recorder(record);
    case Kind::Sensor: return record.result == "failed" || record.result == "detached";
    case Kind::Clock: return record.result == "step";
    default: return true;
  }
}

}  // namespace

struct BlockAccount::Checksum {
  XXH3_state_t state;
};

BlockAccount::BlockAccount(SealStream stream, std::uint64_t segment, std::uint64_t offset)
    : checksum_(std::make_unique<Checksum>()) {
  block_.stream = stream;
  block_.segment = segment;
  begin(offset);
}
BlockAccount::~BlockAccount() = default;
BlockAccount::BlockAccount(BlockAccount&&) noexcept = default;
BlockAccount& BlockAccount::operator=(BlockAccount&&) noexcept = default;

void BlockAccount::begin(std::uint64_t offset) {
  SyncedBlock next;
  next.stream = block_.stream;
  next.segment = block_.segment;
  next.offset = offset;
  block_ = next;
  ::XXH3_64bits_reset(&checksum_->state);
  earliest_.clear();
  latest_.clear();
}

void BlockAccount::add_line(std::string_view line) {
  ::XXH3_64bits_update(&checksum_->state, line.data(), line.size());
  block_.bytes += line.size();
  ++block_.items;
  const Head head = head_of(line);
  const auto number = event::parse_number<std::uint64_t>(head.seq);
  if (!number) return;
  block_.first = block_.first == 0 ? *number : std::min(block_.first, *number);
  block_.last = std::max(block_.last, *number);
  if (earliest_.empty() || head.time < earliest_) earliest_ = head.time;
  if (latest_.empty() || head.time > latest_) latest_ = head.time;
  if (may_matter(head.kind)) look_at(line, head.kind);
}

void BlockAccount::look_at(std::string_view line, std::string_view kind) {
  const auto record = event::parse_csv(line.substr(0, line.size() - 1));
  if (!record) return;
  is_urgent_ |= is_to_be_sealed_at_once(*record);
  if (is_leaf(*record))
    records_.push_back({std::string(kind), record->seq, record->result, record->extra});
}

void BlockAccount::add_blocks(std::string_view blocks) {
  ::XXH3_64bits_update(&checksum_->state, blocks.data(), blocks.size());
  block_.bytes += blocks.size();
  auto rest = std::as_bytes(std::span(blocks));
  while (const auto length = block_length(rest)) {
    ++block_.items;
    const auto one = rest.first(*length);
    rest = rest.subspan(*length);
    const auto number = packet_number(one);
    if (!number) continue;
    const WallNs time = packet_time(one);
    if (block_.first == 0) block_.from = block_.to = time;
    block_.from = std::min(block_.from, time);
    block_.to = std::max(block_.to, time);
    block_.first = block_.first == 0 ? *number : std::min(block_.first, *number);
    block_.last = std::max(block_.last, *number);
  }
}

SyncedBlock BlockAccount::cut() {
  SyncedBlock block = block_;
  block.checksum = ::XXH3_64bits_digest(&checksum_->state);
  if (const auto from = event::parse_time(earliest_)) block.from = *from;
  if (const auto to = event::parse_time(latest_)) block.to = *to;
  if (block.first == 0) block.from = block.to = wall_now();
  // Leaves know no time before 1970; an imported record may.
  block.from = std::max(block.from, WallNs{});
  block.to = std::max(block.to, WallNs{});
  begin(block.offset + block.bytes);
  return block;
}

std::vector<SyncedRecord> BlockAccount::take_records() { return std::exchange(records_, {}); }

std::uint64_t checksum_of(std::string_view bytes) {
  return ::XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t number_of_line(std::string_view line) {
  return event::parse_number<std::uint64_t>(line.substr(0, line.find(','))).value_or(0);
}

}  // namespace alibi::store
