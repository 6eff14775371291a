#include "store/pack.hpp"

#include <fcntl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/csv.hpp"
#include "store/blocks.hpp"
#include "store/chunks.hpp"
#include "store/index_file.hpp"
#include "store/packed_file.hpp"
#include "store/sha256.hpp"

namespace alibi::store {
namespace {

constexpr std::size_t kFrameBytes = 1U << 20;
/// Level 9 would save one byte in seven and cost five times the processor time.
constexpr int kLevel = 3;

std::string boot_id_in(std::string_view first_lines) {
  const auto begin = first_lines.find('\n') + 1;
  const auto record =
      event::parse_csv(first_lines.substr(begin, first_lines.find('\n', begin) - begin));
  return record && record->kind == event::Kind::Segment ? std::string(record->find_extra("boot_id"))
                                                        : std::string();
}

void index_lines(IndexBuilder& index, std::string_view text) {
  for_each_line({0, text}, [&](std::string_view line, std::uint64_t) {
    if (const auto record = event::parse_csv(line)) index.add(*record);
  });
}

class SegmentPacker {
 public:
  SegmentPacker(Disk& disk, const Layout& layout, std::uint64_t first_seq, std::uint64_t before_seq,
                const Limits& limits, bool keeps_plain)
      : disk_(disk),
        layout_(layout),
        first_seq_(first_seq),
        before_seq_(before_seq),
        limits_(limits),
        keeps_plain_(keeps_plain) {}

  Result<PackResult> run(const std::stop_token& stop) {
    const auto temporary = Disk::Path(layout_.packed(first_seq_).string() + ".tmp");
    auto result = write(temporary, stop);
    if (!result || result->end == PackEnd::Stopped) {
      (void)disk_.remove(temporary);
      return result;
    }
    if (auto done = put_in_place(temporary); !done) {
      (void)disk_.remove(temporary);
      return std::unexpected(done.error());
    }
    return result;
  }

 private:
  Result<PackResult> write(const Disk::Path& temporary, const std::stop_token& stop) {
    const auto csv = disk_.open(layout_.csv(first_seq_), O_RDONLY);
    if (!csv) return std::unexpected(csv.error());
    const auto blocks = load_blocks(disk_, layout_, first_seq_, UINT64_MAX);
    if (!blocks) return std::unexpected(blocks.error());
    recorded_blocks_ = std::move(*blocks);
    auto out = disk_.open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!out) return std::unexpected(out.error());
    out_ = std::move(*out);
    ForwardChunks chunks(disk_, csv->get(), 0);
    while (true) {
      if (stop.stop_requested()) return PackResult{PackEnd::Stopped, {}};
      const auto chunk = chunks.next();
      if (!chunk) return std::unexpected(chunk.error());
      if (chunk->text.empty()) break;
      if (!index_) index_.emplace(boot_id_in(chunk->text));
      if (auto done = add(*chunk); !done) return std::unexpected(done.error());
      if (is_at_end_) break;
    }
    if (auto done = finish_frames(); !done) return std::unexpected(done.error());
    if (auto done = verify(temporary); !done) return std::unexpected(done.error());
    if (is_at_end_) return PackResult{};  // what follows stands in the next segment
    auto torn = move_torn_tail(disk_, layout_, layout_.csv(first_seq_), csv_bytes_);
    if (!torn) return std::unexpected(torn.error());
    return PackResult{PackEnd::Done, std::move(*torn)};
  }

  Status add(const Chunk& chunk) {
    std::size_t begin = 0;
    while (begin < chunk.text.size()) {
      const auto end = chunk.text.find('\n', begin) + 1;
      const auto line = chunk.text.substr(begin, end - begin);
      const auto record = event::parse_csv(line.substr(0, line.size() - 1));
      if (record && record->seq >= before_seq_) {
        is_at_end_ = true;
        return {};
      }
      if (record) index_->add(*record);
      frame_ += line;
      block_.bytes += line.size();
      ++block_.lines;
      if (is_block_full()) {
        if (auto done = end_block(); !done) return done;
      }
      begin = end;
    }
    return {};
  }

  /// Where blocks were recorded they decide, behind them the limits.
  [[nodiscard]] bool is_block_full() const {
    if (blocks_.size() < recorded_blocks_.size())
      return block_.bytes >= recorded_blocks_[blocks_.size()].bytes;
    return block_.bytes >= limits_.block_bytes || block_.lines >= limits_.block_lines;
  }

  Status end_block() {
    blocks_.push_back(std::exchange(block_, {}));
    return frame_.size() >= kFrameBytes ? end_frame() : Status{};
  }

  Status end_frame() {
    if (frame_.empty()) return {};
    const auto packed = pack_frame(frame_, kLevel);
    if (!packed) return std::unexpected(packed.error());
    if (auto done = write_all(disk_, out_.get(), *packed); !done) return done;
    index_->end_frame({packed_bytes_, packed->size(), csv_bytes_, frame_.size()});
    sha256_.add(frame_);
    packed_bytes_ += packed->size();
    csv_bytes_ += frame_.size();
    frame_.clear();
    return {};
  }

  Status finish_frames() {
    if (block_.lines > 0) blocks_.push_back(block_);
    if (auto done = end_frame(); !done) return done;
    const auto last = pack_blocks(blocks_);
    if (!last) return std::unexpected(last.error());
    if (auto done = write_all(disk_, out_.get(), *last); !done) return done;
    packed_bytes_ += last->size();
    return disk_.sync_data(out_.get());
  }

  Status verify(const Disk::Path& temporary) {
    auto packed = PackedFile::open(disk_, temporary);
    if (!packed) return std::unexpected(packed.error());
    const auto map = packed->map_frames();
    if (!map) return std::unexpected(map.error());
    Sha256 read_back;
    for (const auto& frame : map->frames) {
      const auto chunk = packed->load(frame);
      if (!chunk) return std::unexpected(chunk.error());
      read_back.add(chunk->text);
    }
    if (read_back.finish() == sha256_.finish() && map->bad.empty() && map->blocks) return {};
    return fail(Errc::Corrupt, temporary.string() + " did not unpack to what was packed");
  }

  Status put_in_place(const Disk::Path& temporary) {
    if (index_ && !layout_.is_encrypted()) {
      if (auto done = write_file(disk_, layout_.index(first_seq_), index_->finish(packed_bytes_));
          !done)
        return done;
    }
    if (auto done = disk_.rename(temporary, layout_.packed(first_seq_)); !done) return done;
    if (auto done = disk_.sync_directory(layout_.events()); !done) return done;
    if (keeps_plain_) return {};
    // The next start removes these two if this process dies here.
    (void)disk_.remove(layout_.csv(first_seq_));
    (void)disk_.remove(layout_.blocks(first_seq_));
    return {};
  }

  Disk& disk_;
  const Layout& layout_;
  std::uint64_t first_seq_;
  std::uint64_t before_seq_;
  const Limits& limits_;
  bool keeps_plain_;
  UniqueFd out_;
  std::optional<IndexBuilder> index_;
  Sha256 sha256_;
  std::vector<Block> recorded_blocks_;
  std::vector<Block> blocks_;
  Block block_;
  std::string frame_;
  std::uint64_t packed_bytes_ = 0;
  std::uint64_t csv_bytes_ = 0;
  bool is_at_end_ = false;
};

}  // namespace

Result<PackResult> pack_segment(Disk& disk, const Layout& layout, std::uint64_t first_seq,
                                std::uint64_t before_seq, const Limits& limits, bool keeps_plain,
                                std::stop_token stop) {
  auto result = SegmentPacker(disk, layout, first_seq, before_seq, limits, keeps_plain).run(stop);
  if (!result) return during("pack " + layout.csv(first_seq).string(), result.error());
  return result;
}

Result<PackedPair> describe_packed(Disk& disk, const Layout& layout, std::uint64_t first_seq) {
  const auto path = layout.packed(first_seq);
  auto packed = PackedFile::open(disk, path);
  if (!packed) return std::unexpected(packed.error());
  const auto map = packed->map_frames();
  if (!map) return std::unexpected(map.error());
  PackedPair pair{SealStream::Events, first_seq, 0, {}, packed->bytes(), {}};
  Sha256 text;
  for (const auto& frame : map->frames) {
    const auto chunk = packed->load(frame);
    if (!chunk) return during(path.string(), chunk.error());
    text.add(chunk->text);
    pair.bytes += chunk->text.size();
  }
  if (!map->bad.empty()) return fail(Errc::Corrupt, path.string() + " is damaged");
  pair.sha256 = text.finish();
  auto whole = sha256_of_file(disk, path);
  if (!whole) return std::unexpected(whole.error());
  pair.packed_sha256 = std::move(*whole);
  return pair;
}

Status rebuild_index(Disk& disk, const Layout& layout, std::uint64_t first_seq) {
  auto packed = PackedFile::open(disk, layout.packed(first_seq));
  if (!packed) return std::unexpected(packed.error());
  const auto map = packed->map_frames();
  if (!map) return std::unexpected(map.error());
  std::optional<IndexBuilder> index;
  for (const auto& frame : map->frames) {
    const auto chunk = packed->load(frame);
    // An index over damage would hide it from every question it cannot match.
    if (!chunk) return std::unexpected(chunk.error());
    if (!index) index.emplace(boot_id_in(chunk->text));
    index_lines(*index, chunk->text);
    index->end_frame(frame);
  }
  if (!index || !map->bad.empty()) return fail(Errc::Corrupt, "the segment is damaged");
  return write_file(disk, layout.index(first_seq), index->finish(packed->bytes()));
}

}  // namespace alibi::store
