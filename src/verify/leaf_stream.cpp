#include "verify/leaf_stream.hpp"

#include <unistd.h>

#include <algorithm>

#include "seal/seal_layout.hpp"

namespace alibi::verify {
namespace {

constexpr std::size_t kWindowBytes = 1U << 20;
constexpr std::uint64_t kItemsMax = 65536;
constexpr std::uint64_t kBlockBytesMax = 64ULL << 20;

/// Lines of one file of leaves.
class LeafFile {
 public:
  explicit LeafFile(OpenFile file) : file_(std::move(file)) {}

  /// With its LF; empty: no whole line follows. Errors: Io; Corrupt for a line
  /// that is too long.
  Result<std::string_view> next() {
    for (;;) {
      const auto end = buffer_.find('\n', begin_);
      if (end != std::string::npos) {
        if (end + 1 - begin_ > seal::kLeafBytesMax)
          return fail(Errc::Corrupt, "the line is too long");
        const auto line = std::string_view(buffer_).substr(begin_, end + 1 - begin_);
        begin_ = end + 1;
        return line;
      }
      if (buffer_.size() - begin_ > seal::kLeafBytesMax)
        return fail(Errc::Corrupt, "the line is too long");
      const auto grown = fill();
      if (!grown) return std::unexpected(grown.error());
      if (!*grown) return std::string_view{};
    }
  }

 private:
  Result<bool> fill() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + kWindowBytes);
    ssize_t got = 0;
    do {
      got = ::read(file_.fd.get(), buffer_.data() + had, kWindowBytes);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return fail_errno(errno, "read leaves");
    return got > 0;
  }

  OpenFile file_;
  std::string buffer_;
  std::size_t begin_ = 0;
};

struct Reading {
  const Evidence& evidence;
  std::uint64_t size;
  Findings& findings;
  const VisitLeaf& visit;
  bool is_over = false;

  void found(Verdict verdict, std::uint64_t index, std::string reason) {
    findings.add(Step::Leaves, verdict, {.leaf = index, .file = leaves_name(index)},
                 std::move(reason));
    is_over = true;
  }

  Status one_file(std::uint64_t first) {
    if (!evidence.leaf_files.contains(first)) {
      found(Verdict::Truncated, first, "the file of this leaf and those after it is not there");
      return {};
    }
    auto opened = evidence.leaves->file(number_name(first, 20, ".csv"));
    if (!opened) return std::unexpected(opened.error());
    LeafFile file(std::move(*opened));
    const std::uint64_t end = std::min(size, first + seal::kLeavesPerFile);
    for (std::uint64_t index = first; index < end && !is_over; ++index) {
      if (auto done = one_leaf(file, index); !done) return done;
    }
    if (is_over || end < first + seal::kLeavesPerFile) return {};
    const auto extra = file.next();
    if (!extra || !extra->empty())
      found(Verdict::Malformed, end, "the file has more leaves than belong into it");
    return {};
  }

  Status one_leaf(LeafFile& file, std::uint64_t index) {
    const auto line = file.next();
    if (!line && line.error().code != Errc::Corrupt) return std::unexpected(line.error());
    if (!line) {
      found(Verdict::Malformed, index, line.error().message);
    } else if (line->empty()) {
      found(Verdict::Truncated, index,
            "the checkpoint covers " + std::to_string(size) + " leaves; this one is not there");
    } else {
      if (auto done = visit(index, *line); !done) return done;
      is_over = findings.failed_by(Step::Leaves);
    }
    return {};
  }
};

bool is_within_bounds(const seal::Leaf& leaf) {
  const auto block = seal::BlockLeaf::from_leaf(leaf);
  return block && block->bytes > 0 && block->items > 0 && block->bytes <= kBlockBytesMax &&
         block->items <= kItemsMax && block->offset <= UINT64_MAX / 4;
}

}  // namespace

std::string leaves_name(std::uint64_t index) {
  return "log/leaves/" +
         number_name(index / seal::kLeavesPerFile * seal::kLeavesPerFile, 20, ".csv");
}

Status for_each_leaf_line(const Evidence& evidence, std::uint64_t size, Findings& findings,
                          const VisitLeaf& visit) {
  Reading reading{evidence, size, findings, visit};
  for (std::uint64_t first = 0; first < size && !reading.is_over; first += seal::kLeavesPerFile) {
    if (auto done = reading.one_file(first); !done) return done;
  }
  return {};
}

std::optional<seal::Leaf> parse_leaf(std::uint64_t index, std::string_view line,
                                     Findings& findings) {
  auto leaf = seal::Leaf::from_line(line);
  const Place place{.leaf = index, .file = leaves_name(index)};
  if (!leaf) {
    findings.add(Step::Leaves, Verdict::Malformed, place, leaf.error().message);
    return std::nullopt;
  }
  if (leaf->type == seal::LeafType::Block && !is_within_bounds(*leaf)) {
    findings.add(Step::Leaves, Verdict::Malformed, place, "the block is larger than any may be");
    return std::nullopt;
  }
  return std::move(*leaf);
}

}  // namespace alibi::verify
