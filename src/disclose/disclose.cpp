#include "disclose/disclose.hpp"

#include <algorithm>
#include <fstream>
#include <map>

#include "disclose/collection.hpp"
#include "disclose/readme.hpp"
#include "disclose/third_parties.hpp"
#include "disclose/tree_cover.hpp"
#include "event/record.hpp"
#include "store/disk.hpp"

namespace alibi::disclose {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kProofsMax = 256;
constexpr std::size_t kFileBytesMax = 256U << 20;

Status check_target(const fs::path& bundle) {
  std::error_code error;
  const auto state = fs::symlink_status(bundle, error);
  if (state.type() == fs::file_type::not_found) return {};
  if (state.type() != fs::file_type::directory)
    return fail(Errc::Usage,
                bundle.string() + " is there and is no directory; choose another name");
  const bool is_empty = fs::is_empty(bundle, error);
  if (error) return fail_errno(error.value(), "read directory " + bundle.string());
  if (!is_empty)
    return fail(Errc::Usage, bundle.string() + " is not empty; choose a new directory");
  return {};
}

/// The files of the bundle by name; SHA256SUMS comes last.
class Bundle {
 public:
  explicit Bundle(fs::path directory) : directory_(std::move(directory)) {}

  void add(const std::string& name, std::string bytes) { files_[name] = std::move(bytes); }

  Status write() {
    std::string sums;
    for (const auto& [name, bytes] : files_)
      sums += seal::sha256(bytes).to_hex() + "  " + name + "\n";
    for (const auto& [name, bytes] : files_) {
      if (bytes.size() > kFileBytesMax)
        return fail(Errc::Unsupported,
                    name + " would be larger than 256 MiB; disclose less at once");
    }
    for (const auto& [name, bytes] : files_) {
      if (auto done = write_file(name, bytes); !done) return done;
    }
    return write_file("SHA256SUMS", sums);
  }

 private:
  [[nodiscard]] Status write_file(const std::string& name, const std::string& bytes) const {
    const fs::path path = directory_ / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return fail_errno(error.value(), "create directory " + path.parent_path().string());
    errno = 0;
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << bytes;
    file.close();
    if (!file) return fail_errno(errno == 0 ? EIO : errno, "write " + path.string());
    return {};
  }

  fs::path directory_;
  std::map<std::string, std::string> files_;
};

Result<std::string> read_checkpoint(const seal::SealLayout& layout) {
  auto bytes = store::read_file(store::real_disk(), layout.checkpoint(), seal::kNoteBytesMax);
  if (!bytes && bytes.error().code == Errc::NotFound)
    return fail(Errc::NotFound, layout.directory.string() +
                                    " has no seal, so nothing in it can be proved; `alibi init` "
                                    "begins one for what is recorded from then on");
  return bytes;
}

Result<seal::Checkpoint> parse_checkpoint(std::string_view bytes) {
  const auto note = seal::parse_note(bytes);
  if (!note) return during("log/checkpoint", note.error());
  return seal::Checkpoint::from_text(note->text);
}

bool tells_of_gap(const seal::Leaf& leaf) {
  switch (leaf.type) {
    case seal::LeafType::Loss:
    case seal::LeafType::Fault:
    case seal::LeafType::Clock:
    case seal::LeafType::Recovery:
    case seal::LeafType::Retention: return true;
    case seal::LeafType::Block: return leaf.find("adopted") != nullptr;
    default: return false;
  }
}

/// Everything about one disclosure, in the order in which it is done.
class Work {
 public:
  Work(const Request& request, const AppendNote& append_note)
      : request_(request), append_note_(append_note), layout_(seal::SealLayout::of(request.log)) {}

  Result<Summary> run() {
    for (const auto step : {&Work::open, &Work::collect, &Work::tell, &Work::cover, &Work::write}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    return std::move(summary_);
  }

 private:
  Status open() {
    if (auto done = check_target(request_.bundle); !done) return done;
    auto bytes = read_checkpoint(layout_);
    if (!bytes) return std::unexpected(bytes.error());
    checkpoint_bytes_ = std::move(*bytes);
    const auto checkpoint = parse_checkpoint(checkpoint_bytes_);
    if (!checkpoint) return std::unexpected(checkpoint.error());
    checkpoint_ = *checkpoint;
    auto genesis = read_genesis(layout_);
    if (!genesis) return std::unexpected(genesis.error());
    summary_.origin = genesis->origin;
    genesis_ = std::move(*genesis);
    return {};
  }

  /// Records asked for by number are looked for; whatever keeps that from an answer, all
  /// leaves are gone through, as for all other questions.
  Status choose() {
    collection_.emplace(request_, genesis_);
    if (!request_.has_filter()) {
      auto leaves = seal::LeafTree::open(layout_, checkpoint_);
      is_quick_ = leaves && collection_->take_records(*leaves);
      if (is_quick_) return {};
      collection_.emplace(request_, genesis_);
    }
    return collection_->take_leaves(0, checkpoint_.size);
  }

  Status collect() {
    if (auto done = choose(); !done) return done;
    if (auto done = collection_->check(); !done) return done;
    records_ = collection_->columns().columns.header();
    packets_ = "leaf,item,packet\n";
    for (const auto& [leaf, block] : collection_->blocks()) {
      const bool is_events = block.block.stream == seal::Stream::Events;
      (is_events ? records_ : packets_) += block.records;
      (is_events ? summary_.records : summary_.packets) += block.shown;
    }
    auto claims = collection_->lines().claims();
    if (!claims) return std::unexpected(claims.error());
    summary_.processes = std::move(claims->made);
    summary_.remarks = std::move(claims->remarks);
    return {};
  }

  /// The disclosure is itself logged, and the bundle proved against a checkpoint
  /// that has it.
  Status tell() {
    std::error_code ignored;
    if (!fs::exists(layout_.secret(), ignored)) {
      summary_.remarks.emplace_back(
          "this is a copy of a log without its keys, so the disclosure is not logged in it");
      return {};
    }
    const std::string text = std::to_string(summary_.records) + " records, " +
                             std::to_string(summary_.packets) + " packets";
    const auto answer = append_note_(
        layout_, {.what = "disclosure", .sha256 = seal::sha256(records_).to_hex(), .text = text});
    if (!answer) return during("the disclosure could not be logged", answer.error());
    const std::uint64_t known = checkpoint_.size;
    const auto checkpoint = parse_checkpoint(answer->checkpoint);
    if (!checkpoint) return std::unexpected(checkpoint.error());
    checkpoint_bytes_ = answer->checkpoint;
    checkpoint_ = *checkpoint;
    summary_.note = answer->index;
    return is_quick_ ? Status{} : collection_->cover_leaves(known, checkpoint_.size);
  }

  Result<std::set<std::uint64_t>> shown_leaves() {
    const LeafChoice& leaves = collection_->leaves();
    auto others = find_third_parties(layout_, leaves, checkpoint_.size);
    if (!others) return std::unexpected(others.error());
    others_ = std::move(*others);
    auto shown = leaves.shown(checkpoint_.size);
    shown.merge(others_.leaves);
    return shown;
  }

  Result<TreeCover> cover_quickly() {
    auto leaves = seal::LeafTree::open(layout_, checkpoint_);
    if (!leaves) return std::unexpected(leaves.error());
    if (auto done = collection_->take_last_epochs(*leaves); !done)
      return std::unexpected(done.error());
    const auto shown = shown_leaves();
    if (!shown) return std::unexpected(shown.error());
    return cover_tree(*leaves, *shown, checkpoint_);
  }

  Result<TreeCover> cover_from_all_leaves() {
    if (is_quick_) {
      if (auto done = collection_->cover_leaves(0, checkpoint_.size); !done)
        return std::unexpected(done.error());
    }
    const auto shown = shown_leaves();
    if (!shown) return std::unexpected(shown.error());
    return cover_tree(layout_, *shown, checkpoint_);
  }

  Status cover() {
    auto cover = is_quick_ ? cover_quickly() : cover_from_all_leaves();
    if (!cover && is_quick_) cover = cover_from_all_leaves();
    if (!cover) return std::unexpected(cover.error());
    cover_ = std::move(*cover);
    return tell_of_cover();
  }

  Status tell_of_cover() {
    const LeafChoice& leaves = collection_->leaves();
    summary_.size = checkpoint_.size;
    summary_.leaves = cover_.shown.size();
    for (const auto& [leaf, block] : collection_->blocks())
      summary_.hidden += block.hidden;
    if (const auto span = leaves.interval(checkpoint_.size)) {
      const WallNs first = collection_->first_time();  // before it nothing was sealed
      summary_.interval = {std::max(request_.from.value_or(first), first),
                           request_.to.value_or(collection_->last_time()), span->first, span->last};
    }
    for (const auto& [index, line] : cover_.lines) {
      const auto leaf = seal::Leaf::from_line(line);
      if (leaf && tells_of_gap(*leaf))
        summary_.gaps.push_back("leaf " + std::to_string(index) + ": " +
                                std::string(name_of(leaf->type)) + " at " +
                                event::to_text(leaf->time));
    }
    const ColumnChoice& columns = collection_->columns();
    for (std::size_t k = 0; k < columns.names.size(); ++k) {
      if (columns.is_hidden[k]) summary_.hidden_columns.push_back(columns.names[k]);
    }
    return {};
  }

  [[nodiscard]] std::string claims_csv() const {
    std::string text = "alibi-disclosure,1\norigin," + summary_.origin + "\n";
    if (summary_.interval) {
      const auto& interval = *summary_.interval;
      text += "interval," + event::to_text(interval.from) + "," + event::to_text(interval.to) +
              "," + std::to_string(interval.first) + "," + std::to_string(interval.last) + "\n";
    }
    for (const auto& claim : summary_.processes)
      text += "process," + to_text(claim.process) + ",1," + std::to_string(claim.last) +
              (claim.is_open ? ",open" : "") + "\n";
    text += "made," + event::to_text(wall_now()) + "\nhidden_columns,";
    for (std::size_t i = 0; i < summary_.hidden_columns.size(); ++i)
      text += (i == 0 ? "" : ";") + summary_.hidden_columns[i];
    return text + "\n";
  }

  Status add_proofs(Bundle& bundle) {
    const auto& blocks = collection_->blocks();
    const auto has_shown = [](const auto& entry) { return entry.second.shown != 0; };
    if (static_cast<std::size_t>(std::ranges::count_if(blocks, has_shown)) > kProofsMax) {
      summary_.remarks.emplace_back(
          "more than 256 blocks have shown records, so proofs/ is left out");
      return {};
    }
    for (const auto& [leaf, block] : blocks) {
      if (block.shown == 0) continue;
      auto proof = tlog_proof(cover_, leaf, checkpoint_bytes_);
      if (!proof) return std::unexpected(proof.error());
      bundle.add("proofs/" + std::to_string(leaf) + ".tlog-proof", std::move(*proof));
    }
    return {};
  }

  Result<std::string> readme_text() {
    const auto& blocks = collection_->blocks();
    const auto found = std::ranges::find_if(
        blocks, [](const auto& entry) { return !entry.second.example.empty(); });
    if (found == blocks.end()) return readme(summary_, collection_->columns(), std::nullopt);
    auto path = seal::prove_inclusion(cover_.shown, cover_.hidden, found->first, cover_.size);
    if (!path) return std::unexpected(path.error());
    return readme(summary_, collection_->columns(), Example{found->second, std::move(*path)});
  }

  Status write() {
    Bundle bundle(request_.bundle);
    if (auto done = add_proofs(bundle); !done) return done;
    auto text = readme_text();
    if (!text) return std::unexpected(text.error());
    bundle.add("README.txt", std::move(*text));
    bundle.add("claims.csv", claims_csv());
    std::string items = "leaf,from,to,hash,salts\n";
    for (const auto& [leaf, block] : collection_->blocks())
      items += block.items;
    bundle.add("records.csv", std::move(records_));
    bundle.add("packets.csv", std::move(packets_));
    bundle.add("items.csv", std::move(items));
    bundle.add("leaves.csv", cover_.leaves_csv());
    bundle.add("tree.csv", cover_.tree_csv());
    bundle.add("checkpoint", checkpoint_bytes_);
    std::string finals;
    for (const auto& note : others_.finals)
      finals += note.to_text();
    std::string cosigned;
    for (const auto& note : others_.cosigned)
      cosigned += note.to_text();
    bundle.add("epochs.txt", std::move(finals));
    bundle.add("cosigned.txt", std::move(cosigned));
    for (auto& token : others_.tokens)
      bundle.add("receipts/" + token.name, std::move(token.bytes));
    return bundle.write();
  }

  const Request& request_;
  const AppendNote& append_note_;
  seal::SealLayout layout_;
  Genesis genesis_;
  std::optional<Collection> collection_;
  bool is_quick_ = false;  ///< not all leaves were read
  std::string checkpoint_bytes_;
  seal::Checkpoint checkpoint_;
  std::string records_;
  std::string packets_;
  ThirdParties others_;
  TreeCover cover_;
  Summary summary_;
};

}  // namespace

Result<Summary> disclose(const Request& request, const AppendNote& append_note) {
  return Work(request, append_note).run();
}

}  // namespace alibi::disclose
