#include "seal/seal_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <ranges>

#include "base/check.hpp"
#include "seal/adoption.hpp"
#include "seal/bytes.hpp"
#include "seal/digest.hpp"
#include "seal/encrypted_log.hpp"
#include "store/log_writer.hpp"

namespace alibi::seal {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kPublishNs = 60 * kSecondNs;
constexpr std::int64_t kStepNs = 900'000'000;  // a verifier takes one second for a step
constexpr std::uint64_t kSilentEpochs = 3;
constexpr std::size_t kBatchLeaves = 256;
constexpr std::uint64_t kSealFileBytesMax = 64ULL << 20;

std::string text_of(const std::string* value) { return value ? *value : std::string(); }

}  // namespace

/// Leaves that go to the disk together, and what becomes true with them.
struct SealWork::Batch {
  std::vector<Leaf> leaves;
  std::size_t room = 0;
  std::map<SegmentId, Position> positions;         ///< with the blocks in `leaves`
  std::vector<std::pair<std::size_t, Done>> done;  ///< of the leaf there
  std::vector<std::size_t> taken;                  ///< items
  bool is_blocked[2] = {false, false};             ///< by a block that cannot be sealed

  [[nodiscard]] bool is_full() const { return leaves.size() >= room; }
  [[nodiscard]] bool& blocked(Stream stream) {
    return is_blocked[static_cast<std::size_t>(stream)];
  }
};

SealWork::SealWork(Parts parts, Chain chain, std::vector<std::string> recipients)
    : disk_(parts.disk),
      layout_(std::move(parts.layout)),
      session_(std::move(parts.session)),
      read_clock_(std::move(parts.read_clock)),
      chain_(std::move(chain)),
      recipients_(std::move(recipients)),
      blocks_(disk_, layout_, text_of(chain_.genesis().find("hideable")), recipients_),
      suspended_ns_(read_clock_(CLOCK_BOOTTIME) - read_clock_(CLOCK_MONOTONIC)),
      epoch_ns_(chain_.genesis().number("epoch_ms").value_or(10'000) * 1'000'000),
      epoch_began_(boot()) {}

Result<std::unique_ptr<SealWork>> SealWork::open(Parts parts, const store::Recovered& recovered) {
  auto chain = Chain::open(parts.disk, parts.layout);
  if (!chain) return std::unexpected(chain.error());
  auto recipients = read_recipients(parts.disk, parts.layout, chain->genesis());
  if (!recipients) return std::unexpected(recipients.error());
  if (!recipients->empty())
    if (auto done = remove_unsealed(parts.disk, parts.layout, chain->positions()); !done)
      return std::unexpected(done.error());
  auto work = std::unique_ptr<SealWork>(
      new SealWork(std::move(parts), std::move(*chain), std::move(*recipients)));
  if (auto done = work->plan(recovered); !done) return std::unexpected(done.error());
  return work;
}

Status SealWork::plan(const store::Recovered& recovered) {
  const Leaf& genesis = chain_.genesis();
  const auto first_event = genesis.number("first_event");
  const auto first_packet = genesis.number("first_packet");
  if (!first_event || !first_packet)
    return fail(Errc::Corrupt, "the genesis leaf does not say where sealing begins");
  const auto unsealed =
      find_unsealed(disk_, layout_, chain_.positions(), *first_event, *first_packet);
  if (!unsealed) return std::unexpected(unsealed.error());
  plan_memory_lost();
  plan_recovery(recovered, chain_.positions().is_ended, *unsealed);
  Pairs pairs;
  for (const auto& [key, value] :
       {std::pair("version", session_.version), std::pair("recorder", session_.recorder),
        std::pair("config", session_.config), std::pair("command", session_.command)})
    if (!value.empty()) pairs.emplace_back(key, value);
  add(Order{LeafType::Start, std::move(pairs), {}, {}});
  if (const auto clock = clock_set_meanwhile()) add(Order{LeafType::Clock, clock->pairs, {}, {}});
  for (const Unsealed& file : *unsealed)
    for (const auto& block : file.blocks)
      items_.emplace_back(Block{block, true, boot()});
  is_urgent_ = true;
  return {};
}

void SealWork::plan_recovery(const store::Recovered& recovered, bool was_ended,
                             const std::vector<Unsealed>& unsealed) {
  const auto& known = chain_.positions();
  const char* cause = was_ended                           ? "unsealed_records"
                      : known.boot_id == session_.boot_id ? "recorder_died"
                                                          : "other_boot";
  std::vector<Unsealed> files = unsealed;
  if (!was_ended && files.empty()) {
    // Nothing is lacking, and it is told all the same that there was no `stop`.
    Unsealed& newest = files.emplace_back();
    newest.segment = {Stream::Events, known.last_event};
    for (const auto& [id, position] : known.segments)
      if (id.first == Stream::Events) newest = {id, position.offset, 0, {}, {}};
  }
  std::uint64_t cut = chain_.bytes_cut();
  for (const Unsealed& file : files) {
    Pairs pairs = {{"stream", std::string(name_of(file.segment.first))},
                   {"segment", std::to_string(file.segment.second)},
                   {"offset", std::to_string(file.offset)},
                   {"adopted_bytes", std::to_string(file.bytes())}};
    std::uint64_t torn_bytes = file.torn_bytes;
    std::string torn_sha256 = file.torn_sha256;
    if (&file == &files.front() && recovered.torn_bytes != 0) {
      torn_bytes = recovered.torn_bytes;
      if (const auto torn = store::read_file(disk_, recovered.torn_file, kSealFileBytesMax))
        torn_sha256 = sha256(*torn).to_hex();
    }
    if (torn_bytes != 0) pairs.emplace_back("torn_bytes", std::to_string(torn_bytes));
    if (!torn_sha256.empty()) pairs.emplace_back("torn_sha256", torn_sha256);
    if (cut != 0) pairs.emplace_back("leaves_cut", std::to_string(std::exchange(cut, 0)));
    pairs.emplace_back("cause", cause);
    add(Order{LeafType::Recovery, std::move(pairs), {}, {}});
  }
}

/// The open segments of an encrypted log stood in memory, which ended with the boot or was
/// unmounted: their files in live/ are what there is.
void SealWork::plan_memory_lost() {
  if (recipients_.empty()) return;
  for (const Stream stream : {Stream::Events, Stream::Packets}) {
    const auto& known = chain_.positions().segments;
    const auto after = known.upper_bound({stream, std::numeric_limits<std::uint64_t>::max()});
    if (after == known.begin()) continue;
    const auto& [id, position] = *std::prev(after);
    std::error_code error;
    if (id.first != stream || position.has_segment_leaf ||
        std::filesystem::exists(plain_path(layout_, id), error))
      continue;
    add(Order{LeafType::Recovery,
              {{"stream", std::string(name_of(stream))},
               {"segment", std::to_string(id.second)},
               {"offset", std::to_string(position.offset)},
               {"cause", "memory_lost"}},
              {},
              {}});
  }
}

std::uint64_t SealWork::boot() const {
  return static_cast<std::uint64_t>(read_clock_(CLOCK_BOOTTIME));
}

Leaf SealWork::make(LeafType type, Pairs pairs) const {
  Leaf leaf = make_leaf(type, session_.boot_id, std::move(pairs));
  leaf.boot = {boot()};
  leaf.time = {read_clock_(CLOCK_REALTIME)};
  return leaf;
}

/// The wall clock was set since the run before, in this boot. Such a leaf follows
/// `start`: before it stands the end of that run.
std::optional<Leaf> SealWork::clock_set_meanwhile() const {
  const Positions& last = chain_.positions();
  if (last.boot_id != session_.boot_id) return std::nullopt;
  Leaf leaf = make(LeafType::Clock, {});
  const std::int64_t offset = leaf.time.ns - static_cast<std::int64_t>(leaf.boot.ns);
  const std::int64_t before = last.time.ns - static_cast<std::int64_t>(last.boot.ns);
  if (std::abs(offset - before) <= kStepNs) return std::nullopt;
  leaf.pairs = {{"result", "step"},
                {"offset_ns", std::to_string(offset)},
                {"before_ns", std::to_string(before)}};
  return leaf;
}

/// A leaf that must stand between `before` and what is made now: the wall clock
/// was set, the machine slept, or nothing was sealed for long.
std::optional<Leaf> SealWork::prelude(const Leaf* before) const {
  if (!before && !has_begun_) return std::nullopt;
  const Positions& last = chain_.positions();
  const BootNs last_boot = before ? before->boot : last.boot;
  const WallNs last_time = before ? before->time : last.time;
  Leaf leaf = make(LeafType::Clock, {});
  const std::int64_t offset = leaf.time.ns - static_cast<std::int64_t>(leaf.boot.ns);
  const std::int64_t offset_before = last_time.ns - static_cast<std::int64_t>(last_boot.ns);
  const std::int64_t suspended =
      static_cast<std::int64_t>(leaf.boot.ns) - read_clock_(CLOCK_MONOTONIC) - suspended_ns_;
  const bool has_slept = suspended > kStepNs;
  if (has_slept || std::abs(offset - offset_before) > kStepNs) {
    leaf.pairs = {{"result", has_slept ? "suspend" : "step"},
                  {"offset_ns", std::to_string(offset)},
                  {"before_ns", std::to_string(offset_before)}};
    if (has_slept) leaf.pairs.emplace_back("suspended_ns", std::to_string(suspended));
    return leaf;
  }
  if (leaf.boot.ns > last_boot.ns + kSilentEpochs * epoch_ns_) {
    leaf.type = LeafType::Fault;
    leaf.pairs = {{"result", "stalled"},
                  {"silent_ns", std::to_string(leaf.boot.ns - last_boot.ns)},
                  {"error", fault_.empty() ? "the sealing thread did not run" : fault_}};
    return leaf;
  }
  return std::nullopt;
}

void SealWork::remember_clocks() {
  has_begun_ = true;
  suspended_ns_ = read_clock_(CLOCK_BOOTTIME) - read_clock_(CLOCK_MONOTONIC);
}

void SealWork::add(const store::SyncedBlock& block) {
  items_.emplace_back(Block{block, false, boot()});
}

void SealWork::add(Order order) { items_.emplace_back(std::move(order)); }

void SealWork::add_packed(const store::PackedPair& pair, Done done) {
  Order order{LeafType::Segment,
              {{"stream", std::string(name_of(stream_of(pair.stream)))},
               {"segment", std::to_string(pair.segment)},
               {"bytes", std::to_string(pair.bytes)},
               {"sha256", to_hex(pair.sha256)},
               {"packed_bytes", std::to_string(pair.packed_bytes)},
               {"packed_sha256", to_hex(pair.packed_sha256)}},
              stream_of(pair.stream),
              std::move(done)};
  if (!pair.encrypted_sha256.empty()) {
    order.pairs.emplace_back("encrypted_bytes", std::to_string(pair.encrypted_bytes));
    order.pairs.emplace_back("encrypted_sha256", to_hex(pair.encrypted_sha256));
  }
  add(std::move(order));
}

void SealWork::add_cosigned(std::uint64_t size, std::string note, std::string name) {
  Pairs pairs = {{"kind", "cosignature"},
                 {"size", std::to_string(size)},
                 {"sha256", sha256(note).to_hex()},
                 {"name", std::move(name)}};
  receipts_.emplace_back([this, size, note = std::move(note), pairs]() mutable -> Status {
    if (auto done = chain_.add_cosigned(size, note); !done) return done;
    add(Order{LeafType::Receipt, std::move(pairs), {}, {}});
    return {};
  });
}

void SealWork::add_stamp(std::uint64_t size, std::string token, std::string name,
                         std::string time) {
  Pairs pairs = {{"kind", "timestamp"},
                 {"size", std::to_string(size)},
                 {"sha256", sha256(token).to_hex()},
                 {"name", name}};
  if (!time.empty()) pairs.emplace_back("time", std::move(time));
  const auto path = layout_.receipts() / fmt::format("{}-{}.tsr", size, name);
  receipts_.emplace_back([this, path, token = std::move(token), pairs]() mutable -> Status {
    if (auto done = disk_.make_directory(layout_.receipts()); !done) return done;
    if (auto done = store::write_file(disk_, path, token); !done) return done;
    if (auto done = disk_.sync_directory(layout_.receipts()); !done) return done;
    add(Order{LeafType::Receipt, std::move(pairs), {}, {}});
    return {};
  });
}

Status SealWork::write_receipts() {
  while (!receipts_.empty()) {
    if (auto done = receipts_.front()(); !done) return done;
    receipts_.pop_front();
  }
  return {};
}

/// False: the item must wait. The leaf that it becomes is added to the batch.
Result<bool> SealWork::take_block(Block& item, Batch& batch) {
  const Stream stream = stream_of(item.block.stream);
  if (batch.blocked(stream)) return false;
  const SegmentId id{stream, item.block.segment};
  if (!batch.positions.contains(id)) {
    const auto& known = chain_.positions().segments;
    const auto found = known.find(id);
    batch.positions[id] = found == known.end() ? Position{} : found->second;
  }
  Position& position = batch.positions[id];
  // Only where sealing began in the middle of a file its first block has an offset.
  const std::uint64_t expected = position.blocks == 0 ? item.block.offset : position.offset;
  const auto root =
      item.block.offset == expected
          ? blocks_.root_of(item.block, position.blocks)
          : fail(Errc::Internal,
                 fmt::format("a block at {} of {} where the sealed part ends at {}",
                             item.block.offset, plain_path(layout_, id).string(), expected));
  if (!root) {
    batch.blocked(stream) = true;
    note_stuck(item, root.error());
    return false;
  }
  BlockLeaf leaf;
  leaf.stream = stream;
  leaf.segment = item.block.segment;
  leaf.block = position.blocks;
  leaf.offset = item.block.offset;
  leaf.bytes = item.block.bytes;
  leaf.items = item.block.items;
  leaf.first = item.block.first;
  leaf.last = item.block.last;
  leaf.from = item.block.from;
  leaf.to = item.block.to;
  leaf.root = root->to_base64();
  if (item.is_adopted) leaf.adopted = "recovery";
  batch.leaves.push_back(make(LeafType::Block, leaf.to_pairs()));
  ++position.blocks;
  position.offset = item.block.offset + item.block.bytes;
  return true;
}

void SealWork::note_stuck(const Block& item, const Error& error) {
  stuck_ = error.message;
  if (std::exchange(told_stuck_, item.block.checksum) == item.block.checksum) return;
  add(Order{LeafType::Fault,
            {{"result", error.code == Errc::Corrupt ? "block_differs" : "block_unreadable"},
             {"stream", std::string(name_of(stream_of(item.block.stream)))},
             {"segment", std::to_string(item.block.segment)},
             {"offset", std::to_string(item.block.offset)},
             {"error", error.message}},
            {},
            {}});
}

Result<bool> SealWork::take(Item& item, Batch& batch) {
  if (auto* block = std::get_if<Block>(&item)) return take_block(*block, batch);
  auto& order = std::get<Order>(item);
  if (order.behind && batch.blocked(*order.behind)) return false;
  if (order.type == LeafType::Segment) {
    // A file that was closed before sealing began has no leaf; one that has one
    // needs no other.
    const Leaf asked{LeafType::Segment, {}, {}, {}, {}, order.pairs};
    const SegmentId id{*order.behind, asked.number("segment").value_or(0)};
    const auto& known = chain_.positions().segments;
    const auto found = known.find(id);
    const auto first =
        chain_.genesis().number(id.first == Stream::Events ? "first_event" : "first_packet");
    const bool is_older = found == known.end() && id.second < first.value_or(0);
    if (is_older || (found != known.end() && found->second.has_segment_leaf)) {
      batch.done.emplace_back(0, order.done);
      return true;
    }
    const Position position = batch.positions.contains(id) ? batch.positions[id]
                              : found == known.end()       ? Position{}
                                                           : found->second;
    if (position.offset != asked.number("bytes").value_or(0)) return false;
  }
  batch.leaves.push_back(make(order.type, order.pairs));
  if (order.done) batch.done.emplace_back(batch.leaves.size() - 1, order.done);
  return true;
}

/// Who asked wants to remove files. A verifier reads no further than the checkpoint, so that
/// must be over the leaves about them before.
Status SealWork::answer(const Batch& batch, std::uint64_t first) {
  if (batch.done.empty()) return {};
  const auto kept = chain_.keep_checkpoint();
  for (const auto& [at, done] : batch.done)
    done(kept ? Result<std::uint64_t>(first + at) : std::unexpected(kept.error()));
  return kept;
}

/// True: something was appended, and more may wait.
Result<bool> SealWork::append_batch() {
  Batch batch;
  batch.room = std::min<std::uint64_t>(chain_.room(), kBatchLeaves);
  stuck_.clear();
  bool has_prelude = false;
  const std::size_t count = items_.size();  // a fault that is noted now comes next time
  for (std::size_t i = 0; i < count && !batch.is_full(); ++i) {
    auto before =
        has_prelude ? std::nullopt : prelude(batch.leaves.empty() ? nullptr : &batch.leaves.back());
    if (before) {
      has_prelude = true;
      batch.leaves.push_back(std::move(*before));
      if (batch.is_full()) break;
    }
    const auto taken = take(items_[i], batch);
    if (!taken) return taken;
    if (*taken) batch.taken.push_back(i);
  }
  const std::uint64_t first = chain_.size();
  if (auto done = chain_.append(batch.leaves); !done) return std::unexpected(done.error());
  if (!batch.leaves.empty()) remember_clocks();
  for (const std::size_t i : std::views::reverse(batch.taken))
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  if (auto done = answer(batch, first); !done) return std::unexpected(done.error());
  return !batch.leaves.empty() && !items_.empty();
}

Status SealWork::append_waiting() {
  while (true) {
    const auto is_more = append_batch();
    if (!is_more) return std::unexpected(is_more.error());
    if (!*is_more) return {};
  }
}

/// Nobody waits for longer than one round.
void SealWork::refuse_waiters() {
  std::erase_if(items_, [&](const Item& item) {
    const auto* order = std::get_if<Order>(&item);
    if (!order || !order->done) return false;
    order->done(fault_.empty() ? fail(Errc::Denied, "not all of it is sealed yet")
                               : std::unexpected(fault_error_));
    return true;
  });
}

Status SealWork::end_epoch() {
  if (chain_.can_append()) {
    if (const auto before = prelude(nullptr)) {
      if (auto done = chain_.append({&*before, 1}); !done) return done;
      remember_clocks();
    }
  }
  const auto done =
      chain_.end_epoch([this](LeafType type, Pairs pairs) { return make(type, std::move(pairs)); });
  if (!done) return done;
  remember_clocks();
  epoch_began_ = boot();
  checkpoint_at_ = epoch_began_;
  return {};
}

Status SealWork::publish() {
  if (auto done = chain_.publish(); !done) return done;
  published_at_ = boot();
  published_size_ = chain_.size();
  wants_publish_ = false;
  chain_.save_positions();
  answer_requests();
  if (witnessing_)
    witnessing_->offer(
        {chain_.note(), chain_.size(), chain_.root(), std::exchange(wants_stamp_, false)});
  return {};
}

Status SealWork::work() {
  const auto attempt = [&]() -> Status {
    if (!chain_.can_append())
      if (auto done = end_epoch(); !done) return done;
    if (auto done = write_receipts(); !done) return done;
    take_requests();
    if (auto done = append_waiting(); !done) return done;
    const std::uint64_t now = boot();
    const bool is_urgent = is_urgent_ && now >= urgent_at_ + kSecondNs;
    if (is_urgent || now >= epoch_began_ + epoch_ns_) {
      if (auto done = end_epoch(); !done) return done;
      if (is_urgent) {
        is_urgent_ = false;
        urgent_at_ = now;
        wants_publish_ = true;
      }
    } else {
      if (auto done = chain_.write_checkpoint(); !done) return done;
      checkpoint_at_ = now;
    }
    const bool is_due = now >= published_at_ + kPublishNs && chain_.size() != published_size_;
    return wants_publish_ || is_due ? publish() : Status{};
  };
  const auto done = attempt();
  fault_ = done ? stuck_ : done.error().message;
  fault_error_ = done ? Error{Errc::Denied, 0, stuck_} : done.error();
  refuse_waiters();
  return done;
}

Status SealWork::finish(const std::string& reason) {
  if (auto done = work(); !done) return done;
  if (!std::exchange(has_stop_, true))
    add(Order{LeafType::Stop,
              {{"events", std::to_string(chain_.positions().last_event)},
               {"packets", std::to_string(chain_.positions().last_packet)},
               {"reason", reason}},
              {},
              {}});
  wants_stamp_ = true;
  return close_epoch();
}

Status SealWork::close_epoch() {
  if (auto done = write_receipts(); !done) return done;
  if (auto done = append_waiting(); !done) return done;
  if (auto done = end_epoch(); !done) return done;
  return publish();
}

std::chrono::milliseconds SealWork::patience() const {
  const std::uint64_t now = boot();
  std::uint64_t until = std::min(epoch_began_ + epoch_ns_, looked_at_ + kSecondNs);
  if (is_urgent_) until = std::min(until, urgent_at_ + kSecondNs);
  if (!fault_.empty()) until = now + kSecondNs;
  return std::chrono::milliseconds(until > now ? (until - now) / 1'000'000 + 1 : 0);
}

SealState SealWork::state() const {
  SealState state;
  const Positions& known = chain_.positions();
  state.origin = chain_.origin();
  state.leaves = known.size;
  state.last_event = known.last_event;
  state.last_packet = known.last_packet;
  state.epoch = known.epoch;
  state.checkpoint_boot_ns = checkpoint_at_;
  state.fault = fault_;
  for (const Item& item : items_) {
    const auto* block = std::get_if<Block>(&item);
    if (!block) continue;
    if (state.waiting++ == 0) state.lag_ms = (boot() - block->since_ns) / 1'000'000;
  }
  if (witnessing_) state.witness = witnessing_->trouble();
  return state;
}

}  // namespace alibi::seal
