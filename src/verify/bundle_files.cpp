#include "verify/bundle_files.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "event/csv.hpp"
#include "seal/digest.hpp"
#include "verify/leaf_stream.hpp"

namespace alibi::verify {
namespace {

constexpr std::array<std::string_view, 11> kNames = {
    "README.txt", "SHA256SUMS", "checkpoint",  "claims.csv",  "cosigned.txt", "epochs.txt",
    "items.csv",  "leaves.csv", "packets.csv", "records.csv", "tree.csv"};
constexpr std::uint64_t kFileBytesMax = 256ULL << 20;
constexpr std::string_view kTokenEnding = ".tsr";
constexpr std::string_view kProofEnding = ".tlog-proof";

std::unexpected<Error> corrupt(const std::string& what) { return fail(Errc::Corrupt, what); }

class BundleReader {
 public:
  explicit BundleReader(const Directory& top) : top_(top) {}

  Result<Bundle> read() {
    for (auto step :
         {&BundleReader::list, &BundleReader::read_texts, &BundleReader::check_sums,
          &BundleReader::parse_all, &BundleReader::parse_notes, &BundleReader::split_records}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    return std::move(bundle_);
  }

 private:
  Status list() {
    const auto entries = top_.list();
    if (!entries) return std::unexpected(entries.error());
    std::size_t known = 0;
    for (const auto& entry : *entries) {
      if (entry.is_directory && entry.name == "receipts") {
        if (auto done = list_receipts(); !done) return done;
      } else if (entry.is_directory && entry.name == "proofs") {
        if (auto done = list_proofs(); !done) return done;
      } else if (!entry.is_directory && std::ranges::find(kNames, entry.name) != kNames.end()) {
        ++known;
      } else {
        return corrupt(entry.name + " has no place in a bundle");
      }
    }
    if (known != kNames.size()) return corrupt("not all files of a bundle are there");
    return {};
  }

  Status list_receipts() {
    auto directory = top_.directory("receipts");
    if (!directory) return std::unexpected(directory.error());
    const auto entries = directory->list();
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {
      const std::string_view name = entry.name;
      const auto dash = name.find('-');
      const auto size = read_number(name.substr(0, dash));
      if (entry.is_directory || dash == std::string_view::npos || !name.ends_with(kTokenEnding) ||
          name.size() < dash + 2 + kTokenEnding.size() || !size || *size == 0)
        return corrupt("receipts/" + entry.name + " has no place in a bundle");
      bundle_.tokens.push_back({*size, "", entry.name});
    }
    bundle_.receipts_directory = std::move(*directory);
    return {};
  }

  Status list_proofs() {
    auto directory = top_.directory("proofs");
    if (!directory) return std::unexpected(directory.error());
    const auto entries = directory->list();
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {
      const std::string_view name = entry.name;
      const auto index = name.ends_with(kProofEnding)
                             ? read_number(name.substr(0, name.size() - kProofEnding.size()))
                             : std::nullopt;
      if (entry.is_directory || !index)
        return corrupt("proofs/" + entry.name + " has no place in a bundle");
      bundle_.proofs.emplace(*index, entry.name);
    }
    bundle_.proofs_directory = std::move(*directory);
    return {};
  }

  Status read_texts() {
    for (const auto name : kNames) {
      auto text = top_.read(std::string(name), kFileBytesMax);
      if (!text) return std::unexpected(text.error());
      if (!text->empty() && !text->ends_with('\n'))
        return corrupt(std::string(name) + " does not end with a line end");
      texts_.emplace(name, std::move(*text));
    }
    bundle_.checkpoint = texts_.at("checkpoint");
    return {};
  }

  Status check_sums() {
    const auto sums = parse_sums(texts_.at("SHA256SUMS"));
    if (!sums) return during("SHA256SUMS", sums.error());
    std::size_t checked = 0;
    const auto check = [&](const std::string& name, std::string_view bytes) -> Status {
      const auto known = sums->find(name);
      if (known == sums->end() || seal::sha256(bytes).to_hex() != known->second)
        return corrupt(name + " is not as SHA256SUMS says");
      ++checked;
      return {};
    };
    for (const auto& [name, text] : texts_) {
      if (name == "SHA256SUMS") continue;
      if (auto done = check(name, text); !done) return done;
    }
    for (const Token& token : bundle_.tokens) {
      const auto bytes = bundle_.receipts_directory->read(token.file, kTokenBytesMax);
      if (!bytes) return std::unexpected(bytes.error());
      if (auto done = check("receipts/" + token.file, *bytes); !done) return done;
    }
    for (const auto& [index, name] : bundle_.proofs) {
      const auto bytes = bundle_.proofs_directory->read(name, kFileBytesMax);
      if (!bytes) return std::unexpected(bytes.error());
      if (auto done = check("proofs/" + name, *bytes); !done) return done;
    }
    if (checked != sums->size()) return corrupt("SHA256SUMS names files that are not there");
    return {};
  }

  template <typename T>
  Status take(const char* name, Result<T> parsed, T& to) {
    if (!parsed) return during(name, parsed.error());
    to = std::move(*parsed);
    return {};
  }

  Status parse_all() {
    std::map<std::uint64_t, std::string> lines;
    if (auto done = take("leaves.csv", parse_leaf_lines(texts_.at("leaves.csv")), lines); !done)
      return done;
    for (auto& [index, line] : lines) {
      Findings findings;
      auto leaf = parse_leaf(index, line, findings);
      if (!leaf) return corrupt("leaves.csv: leaf " + std::to_string(index) + " is malformed");
      bundle_.leaves.emplace(index, ShownLeaf{std::move(line), std::move(*leaf)});
    }
    auto done = take("tree.csv", parse_tree(texts_.at("tree.csv")), bundle_.hidden_leaves);
    if (done) done = take("items.csv", parse_items(texts_.at("items.csv")), bundle_.items);
    if (done) done = take("claims.csv", parse_claims(texts_.at("claims.csv")), bundle_.claims);
    if (done) done = take("packets.csv", parse_packets(texts_.at("packets.csv")), bundle_.packets);
    if (!done) return done;
    for (const auto& [index, items] : bundle_.items) {
      const auto leaf = bundle_.leaves.find(index);
      if (leaf == bundle_.leaves.end() || leaf->second.leaf.type != seal::LeafType::Block)
        return corrupt("items.csv: leaf " + std::to_string(index) + " is no shown block");
    }
    return {};
  }

  Status parse_notes() {
    const auto parse = [&](const char* name, std::vector<seal::Note>& to) -> Status {
      const std::string& text = texts_.at(name);
      std::size_t used = 0;
      to = seal::parse_notes(text, used);
      if (used != text.size()) return corrupt(std::string(name) + " has what is no note");
      for (const auto& note : to) {
        const auto checkpoint = seal::Checkpoint::from_text(note.text);
        if (!checkpoint || checkpoint->size == 0)
          return corrupt(std::string(name) + " has what is no note of a checkpoint");
      }
      return {};
    };
    bundle_.cosigned = texts_.at("cosigned.txt");
    auto done = parse("epochs.txt", bundle_.finals);
    return done ? parse("cosigned.txt", bundle_.cosigned_notes) : done;
  }

  Status split_records() {
    std::string_view text = texts_.at("records.csv");
    // Other names would give sealed fields another meaning.
    if (!text.starts_with(std::string(event::csv_header()) + "\n"))
      return corrupt("records.csv does not begin with the header line of a log");
    while (!text.empty()) {
      const auto end = text.find('\n') + 1;
      if (bundle_.header.empty())
        bundle_.header = text.substr(0, end);
      else
        bundle_.records.emplace_back(text.substr(0, end));
      text.remove_prefix(end);
    }
    return {};
  }

  const Directory& top_;
  Bundle bundle_;
  std::map<std::string, std::string, std::less<>> texts_;
};

}  // namespace

Result<Bundle> read_bundle(const Directory& top) { return BundleReader(top).read(); }

}  // namespace alibi::verify
