// generate_sealed DIRECTORY DAYS [LIVES]: a sealed log of the DAYS before the last midnight
// (UTC) in DIRECTORY, which must not exist, as the recorder's store and sealer make it, with a
// clock that is given and without syncs. The machine is always on. Somebody works from 08:00 to
// 18:00, which is when 85 of 100 processes run; LIVES of them a day (5000), some at a time,
// with eight records each. An epoch of ten seconds goes by whether anything happens or not.
// Prints the number of a record in the middle.

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "event/csv.hpp"
#include "seal/block_sealer.hpp"
#include "seal/identity.hpp"
#include "seal/seal_work.hpp"
#include "store/faulty_disk_test.hpp"
#include "store/layout.hpp"
#include "store/numbering.hpp"
#include "store/pack.hpp"
#include "store/segment_file.hpp"
#include "store/segment_head.hpp"
#include "workload.hpp"

namespace alibi::bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kEpochNs = 10 * kSecondNs;
constexpr std::uint64_t kHourNs = 3600 * kSecondNs;
constexpr std::uint64_t kDayNs = 24 * kHourNs;
constexpr std::uint64_t kFirstBootNs = 81 * kSecondNs;
constexpr std::uint64_t kGapNs = 20'000'000;
constexpr const char* kBootId = "5d1f7c2e-90ab-4c3d-8e6f-2a1b3c4d5e6f";

/// The kernel may write when it likes: what is measured is read back.
class UnsyncedDisk final : public store::HookedDisk {
 public:
  Status sync_data(int) override { return {}; }
  Status sync_directory(const Path&) override { return {}; }
  /// ext4 writes out at once what replaces another file by its name (auto_da_alloc).
  Status rename(const Path& from, const Path& to) override {
    (void)remove(to);
    return HookedDisk::rename(from, to);
  }
};

/// The sealing thread's work, done when it is told.
class Seal final : public store::Sealing {
 public:
  explicit Seal(seal::SealWork& work) : work_(work) {}

  Status begin(const store::Recovered&) override { return {}; }
  std::uint64_t last_sealed(store::SealStream) override { return 0; }
  void block_synced(const store::SyncedBlock& block) override { work_.add(block); }
  void record_synced(store::SyncedRecord) override {}
  void urgent() override { work_.add_urgent(); }
  Status file_packed(const store::PackedPair& pair) override {
    Status told;
    work_.add_packed(pair, [&](const Result<std::uint64_t>& index) {
      if (!index) told = std::unexpected(index.error());
    });
    if (auto done = work_.work(); !done) return done;
    return told;
  }
  Status about_to_delete(const store::Deletion&) override {
    return fail(Errc::Denied, "nothing is deleted here");
  }

 private:
  seal::SealWork& work_;
};

class Generator {
 public:
  Generator(const std::filesystem::path& directory, std::uint64_t days, std::uint64_t lives)
      : layout_{directory},
        end_ns_(kFirstBootNs + days * kDayNs),
        lives_(lives),
        offset_ns_(first_wall_ns(days) - static_cast<std::int64_t>(kFirstBootNs)),
        workload_(1, kGapNs, offset_ns_) {
    std::filesystem::create_directories(layout_.events());
    const auto made =
        seal::create_identity(disk_, sealed_, {.version = "bench", .time = {first_wall_ns(days)}});
    ALIBI_CHECK(made);
    auto work = seal::SealWork::open({disk_,
                                      sealed_,
                                      {.boot_id = kBootId, .version = "bench", .command = "record"},
                                      [this](clockid_t clock) {
                                        const auto boot = static_cast<std::int64_t>(now_.ns);
                                        return clock == CLOCK_REALTIME ? boot + offset_ns_ : boot;
                                      }},
                                     {});
    ALIBI_CHECK(work);
    work_ = std::move(*work);
    sealing_.emplace(*work_);
  }

  void run() {
    add_own(event::Kind::RecorderStart);
    std::uint64_t busy_at = now_.ns + pause_ns();
    while (now_.ns < end_ns_) {
      now_ = {std::max(now_.ns, std::min(epoch_ends_ns_, busy_at))};
      if (now_.ns < busy_at) {
        seal();
        continue;
      }
      be_busy();
      busy_at = now_.ns + pause_ns();
    }
    add_own(event::Kind::RecorderStop);
    ALIBI_CHECK(work_->finish("bench"));
  }

  [[nodiscard]] std::uint64_t middle() const { return numbering_.last_seq() / 2; }

 private:
  static std::int64_t first_wall_ns(std::uint64_t days) {
    const auto today = wall_now().ns / static_cast<std::int64_t>(kDayNs);
    return (today - static_cast<std::int64_t>(days)) * static_cast<std::int64_t>(kDayNs);
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  [[nodiscard]] std::int64_t day() const {
    return (static_cast<std::int64_t>(now_.ns) + offset_ns_) / static_cast<std::int64_t>(kDayNs);
  }

  /// Until something happens again; two to three lives follow.
  [[nodiscard]] std::uint64_t pause_ns() {
    const std::uint64_t hour = (now_.ns - kFirstBootNs) % kDayNs / kHourNs;
    const bool is_work = hour >= 8 && hour < 18;
    const std::uint64_t lives = std::max<std::uint64_t>(lives_ * (is_work ? 85 : 15) / 100, 1);
    const std::uint64_t mean = (is_work ? 10 : 14) * kHourNs / lives * 5 / 2;
    return 1 + below(2 * mean);
  }

  void be_busy() {
    workload_.rest_until(now_);
    const auto lives = 1 + below(4);
    for (std::uint64_t i = 0; i < lives; ++i)
      add(workload_.next_life());
    now_ = {workload_.now().ns + kSecondNs / 2};  // the block is cut, and sealed
    sync();
  }

  void add_own(event::Kind kind) {
    event::Record record;
    record.kind = kind;
    record.boot = now_;
    record.time = {static_cast<std::int64_t>(now_.ns) + offset_ns_};
    add({std::move(record)});
    sync();
  }

  void add(std::vector<event::Record> records) {
    if (!file_ || day() != day_) begin_segment();
    numbering_.assign(records);
    std::string text;
    for (const auto& record : records)
      event::append_csv(text, record);
    ALIBI_CHECK(file_->append(text, limits_, records.back().boot));
    for (const auto& record : records)
      if (record.kind == event::Kind::Exit) (void)numbering_.forget(*record.process);
  }

  void sync() {
    ALIBI_CHECK(file_->sync());
    seal();
  }

  void seal() {
    ALIBI_CHECK(work_->work());
    const std::uint64_t epoch = work_->state().epoch;
    if (std::exchange(epoch_, epoch) != epoch) epoch_ends_ns_ = now_.ns + kEpochNs;
  }

  /// The one before is packed as soon as its successor has begun.
  void begin_segment() {
    const std::uint64_t before = file_ ? file_->first_seq() : 0;
    if (file_) sync();
    day_ = day();
    const std::uint64_t first_seq = numbering_.last_seq() + 1;
    const auto head =
        store::make_head_text({.host = "bench"}, kBootId, now_,
                              {static_cast<std::int64_t>(now_.ns) + offset_ns_}, numbering_);
    file_ = store::SegmentFile::create(disk_, layout_, first_seq, head, {}, &*sealing_).value();
    if (before == 0) return;
    ALIBI_CHECK(store::pack_segment(disk_, layout_, before, first_seq, limits_, true, {}));
    const auto pair = store::describe_packed(disk_, layout_, before);
    ALIBI_CHECK(pair && sealing_->file_packed(*pair));
    ALIBI_CHECK(disk_.remove(layout_.csv(before)) && disk_.remove(layout_.blocks(before)));
  }

  UnsyncedDisk disk_;
  store::Layout layout_;
  seal::SealLayout sealed_{layout_.directory};
  store::Limits limits_;
  std::uint64_t end_ns_;
  std::uint64_t lives_;
  std::int64_t offset_ns_;
  BootNs now_{kFirstBootNs};
  Workload workload_;
  std::mt19937_64 random_{1};
  std::unique_ptr<seal::SealWork> work_;
  std::optional<Seal> sealing_;
  std::uint64_t epoch_ = 0;
  std::uint64_t epoch_ends_ns_ = 0;
  store::Numbering numbering_;
  std::optional<store::SegmentFile> file_;
  std::int64_t day_ = 0;
};

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace
}  // namespace alibi::bench

int main(int argc, char** argv) {
  using namespace alibi::bench;
  const std::uint64_t days = argc >= 3 ? number_of(argv[2]) : 0;
  const std::uint64_t lives = argc == 4 ? number_of(argv[3]) : 5000;
  if (argc > 4 || days == 0 || lives == 0) {
    fmt::print(stderr, "usage: generate_sealed DIRECTORY DAYS [LIVES]\n");
    return 2;
  }
  if (std::filesystem::exists(argv[1])) {
    fmt::print(stderr, "generate_sealed: {} is there already; choose a new directory\n", argv[1]);
    return 1;
  }
  Generator generator(argv[1], days, lives);
  generator.run();
  fmt::print("{}\n", generator.middle());
  return 0;
}
