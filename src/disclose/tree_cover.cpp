#include "disclose/tree_cover.hpp"

#include <algorithm>

#include "seal/leaf_log.hpp"
#include "store/disk.hpp"

namespace alibi::disclose {
namespace {

/// Takes all leaves in order.
class Walk {
 public:
  Walk(const std::set<std::uint64_t>& shown, std::uint64_t size) : shown_(shown) {
    cover_.size = size;
    const std::vector<std::uint64_t> indexes(shown.begin(), shown.end());
    cover_.hidden = seal::hidden_ranges(indexes, size);
  }

  void take(std::uint64_t index, std::string_view line) {
    const seal::Hash hash = seal::leaf_hash(line);
    if (shown_.contains(index)) {
      cover_.lines.emplace(index, line);
      cover_.shown.emplace(index, hash);
      return;
    }
    run_.append(hash);
    auto& range = cover_.hidden[next_];
    if (index + 1 < range.to) return;
    range.hash = run_.root();
    run_ = {};
    ++next_;
  }

  TreeCover done() { return std::move(cover_); }

 private:
  const std::set<std::uint64_t>& shown_;
  TreeCover cover_;
  seal::GrowingTree run_;  ///< of the hidden range it is in
  std::size_t next_ = 0;
};

bool has_root(const TreeCover& cover, const seal::Checkpoint& checkpoint) {
  const auto root = seal::root_of_pruned(cover.shown, cover.hidden, checkpoint.size);
  return root && *root == checkpoint.root;
}

}  // namespace

Result<TreeCover> cover_tree(const seal::SealLayout& layout, const std::set<std::uint64_t>& shown,
                             const seal::Checkpoint& checkpoint) {
  Walk walk(shown, checkpoint.size);
  const auto end = seal::for_each_leaf(store::real_disk(), layout, 0, checkpoint.size,
                                       [&](std::uint64_t index, std::string_view line) {
                                         walk.take(index, line);
                                         return true;
                                       });
  if (!end) return std::unexpected(end.error());
  TreeCover cover = walk.done();
  if (*end != checkpoint.size || !has_root(cover, checkpoint))
    return fail(Errc::Corrupt,
                "the leaves in log/leaves are not those of log/checkpoint; see `alibi verify`");
  return cover;
}

Result<TreeCover> cover_tree(seal::LeafTree& leaves, const std::set<std::uint64_t>& shown,
                             const seal::Checkpoint& checkpoint) {
  TreeCover cover{.size = checkpoint.size, .lines = {}, .shown = {}, .hidden = {}};
  for (const std::uint64_t index : shown) {
    const auto line = leaves.line(index);
    if (!line) return std::unexpected(line.error());
    cover.shown.emplace(index, seal::leaf_hash(*line));
    cover.lines.emplace(index, *line);
  }
  const std::vector<std::uint64_t> indexes(shown.begin(), shown.end());
  cover.hidden = seal::hidden_ranges(indexes, checkpoint.size);
  const seal::NodeReader read = [&](unsigned level, std::uint64_t index) {
    return leaves.node(level, index);
  };
  for (auto& range : cover.hidden) {
    const auto hash = seal::range_hash(read, range.from, range.to);
    if (!hash) return std::unexpected(hash.error());
    range.hash = *hash;
  }
  if (!has_root(cover, checkpoint))
    return fail(Errc::Corrupt, "log/tile does not give the root of log/checkpoint");
  return cover;
}

std::string TreeCover::leaves_csv() const {
  std::string text;
  for (const auto& [index, line] : lines)
    text.append(std::to_string(index)).append(",").append(line);
  return text;
}

std::string TreeCover::tree_csv() const {
  std::string text = "from,to,hash\n";
  for (const auto& range : hidden)
    text += std::to_string(range.from) + "," + std::to_string(range.to - 1) + "," +
            range.hash.to_base64() + "\n";
  return text;
}

Result<std::string> tlog_proof(const TreeCover& cover, std::uint64_t index, std::string_view note) {
  const auto path = seal::prove_inclusion(cover.shown, cover.hidden, index, cover.size);
  if (!path) return std::unexpected(path.error());
  std::string text = "c2sp.org/tlog-proof@v1\nindex " + std::to_string(index) + "\n";
  for (const auto& hash : *path)
    text += hash.to_base64() + "\n";
  return text.append("\n").append(note);
}

}  // namespace alibi::disclose
