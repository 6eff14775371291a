#include "verify/segment_check.hpp"

#include <algorithm>
#include <utility>

#include "event/number.hpp"
#include "seal/block_sealer.hpp"
#include "seal/bytes.hpp"
#include "seal/tree.hpp"
#include "store/layout.hpp"
#include "store/pcapng_blocks.hpp"
#include "verify/byte_source.hpp"

namespace alibi::verify {
namespace {

constexpr std::uint64_t kHeaderBytesMax = 4096;
constexpr std::uint64_t kTailBytesMax = 1ULL << 30;
constexpr std::uint64_t kFileBytesMax = UINT64_MAX / 2;
constexpr std::size_t kWindowBytes = 256U << 10;
/// The seed in hex and LF, as it stands in a file.
constexpr std::size_t kSeedTextBytes = 65;
/// A skippable frame at the end of an encrypted segment: magic, length, tag; then the seed.
constexpr std::string_view kSeedFrameHead{"\x5b\x2a\x4d\x18\x28\0\0\0ALIBISD1", 16};
constexpr std::size_t kSeedFrameBytes = kSeedFrameHead.size() + 32;

std::uint64_t count_items(seal::Stream stream, std::string_view bytes) {
  if (stream == seal::Stream::Events)
    return static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
  auto rest = std::as_bytes(std::span(bytes));
  std::uint64_t count = 0;
  while (const auto length = store::block_length(rest)) {
    rest = rest.subspan(*length);
    ++count;
  }
  return count;
}

bool has_line_numbers(std::string_view bytes, bool has_header, std::uint64_t first,
                      std::uint64_t last) {
  if (has_header) bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
  std::uint64_t next = first;
  while (!bytes.empty()) {
    const auto end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    const auto number =
        event::parse_number<std::uint64_t>(bytes.substr(0, std::min(bytes.find(','), end)));
    if (first == 0 || number != next) return false;
    ++next;
    bytes.remove_prefix(end);
  }
  return first == 0 || next == last + 1;
}

bool has_packet_numbers(std::string_view bytes, std::uint64_t first, std::uint64_t last) {
  auto rest = std::as_bytes(std::span(bytes));
  std::uint64_t next = first;
  while (!rest.empty()) {
    const auto length = store::block_length(rest);
    if (!length) return false;
    if (const auto number = store::packet_number(rest.first(*length))) {
      if (first == 0 || *number != next) return false;
      ++next;
    }
    rest = rest.subspan(*length);
  }
  return first == 0 || next == last + 1;
}

/// The seed of a segment: hex and LF.
std::optional<seal::Seed> parse_seed(const std::string& text) {
  if (text.size() != kSeedTextBytes || text.back() != '\n') return std::nullopt;
  const auto bytes = seal::from_hex(std::string_view(text).substr(0, 64));
  if (!bytes) return std::nullopt;
  seal::Seed seed;
  std::ranges::copy(*bytes, reinterpret_cast<char*>(seed.data()));
  return seed;
}

class Checker {
 public:
  Checker(const Evidence& evidence, const SealedSegment& segment, std::string_view hideable,
          bool only_sealed, const Inputs& inputs, Progress& progress)
      : evidence_(evidence),
        segment_(segment),
        hideable_(hideable),
        only_sealed_(only_sealed),
        inputs_(inputs),
        progress_(progress) {}

  Result<SegmentCheck> run() {
    SegmentCheck result{.stream = segment_.stream,
                        .number = segment_.number,
                        .first_leaf = segment_.blocks.front().leaf,
                        .last_leaf = segment_.blocks.back().leaf,
                        .unsealed_bytes = segment_.blocks.front().offset};
    for (const auto& block : segment_.blocks)
      result.items += block.first == 0 ? 0 : block.last - block.first + 1;
    if (evidence_.content(segment_.stream)) {
      if (auto read = read_seed(result); !read) return std::unexpected(read.error());
      // In this order: a recorder removes a form when the next one is complete.
      for (const Form form : {Form::Plain, Form::Packed, Form::Encrypted}) {
        auto check = check_form(form);
        if (!check) return std::unexpected(check.error());
        if (*check) result.forms.push_back(std::move(**check));
      }
    }
    const bool has_plain = std::ranges::any_of(
        result.forms, [](const FormCheck& check) { return check.form != Form::Encrypted; });
    if (!has_plain && has_live_files())
      if (auto done = add_live(result); !done) return std::unexpected(done.error());
    return result;
  }

 private:
  [[nodiscard]] const Directory& directory() const { return *evidence_.content(segment_.stream); }

  Status read_seed(SegmentCheck& result) {
    const auto text = directory().read(seed_name(segment_.stream, segment_.number), 4096);
    if (text) {
      result.has_seed = true;
      seed_ = parse_seed(*text);
      return {};
    }
    const auto code = text.error().code;
    result.has_seed = code == Errc::Corrupt;
    return code == Errc::Corrupt || code == Errc::NotFound ? Status{}
                                                           : std::unexpected(text.error());
  }

  Result<std::optional<FormCheck>> check_form(Form form) {
    static constexpr const char* kEndings[] = {"", ".zst", ".zst.age"};
    const std::string name =
        plain_name(segment_.stream, segment_.number) + kEndings[static_cast<std::size_t>(form)];
    auto opened = directory().file(name);
    if (!opened && opened.error().code == Errc::NotFound) return std::nullopt;
    if (!opened) return std::unexpected(opened.error());
    // Opened again at once: retention may remove it while it is read.
    auto again = form == Form::Encrypted ? directory().file(name) : Result<OpenFile>(OpenFile{});
    if (!again && again.error().code == Errc::NotFound) return std::nullopt;
    if (!again) return std::unexpected(again.error());
    FormCheck check{.form = form, .file = std::string(seal::name_of(segment_.stream)) + "/" + name};
    auto file = file_source(std::move(*opened), progress_);
    HashedSource hashed(*file);
    const auto done = form == Form::Plain    ? check_plain(hashed, check)
                      : form == Form::Packed ? check_packed(hashed, check)
                                             : check_encrypted(hashed, std::move(*again), check);
    if (!done) return std::unexpected(done.error());
    if (form == Form::Plain) return check;
    const auto hash = hashed.finish(kFileBytesMax);
    if (!hash) return std::unexpected(hash.error());
    check.file_hash = **hash;
    check.file_bytes = hashed.bytes();
    return check;
  }

  Status check_packed(ByteSource& packed, FormCheck& check) {
    const auto unpacked = zstd_source(packed);
    HashedSource plain(*unpacked);
    return check_plain(plain, check);
  }

  /// Twice through the file: the seed stands at its end.
  Status check_encrypted(ByteSource& encrypted, OpenFile again, FormCheck& check) {
    if (inputs_.identity.empty()) return {};
    const auto whole = find_seed(encrypted, check);
    if (!whole) return std::unexpected(whole.error());
    if (!check.refused.empty() || check.lacks_seed) return {};
    Progress uncounted;
    const auto file = file_source(std::move(again), uncounted);
    auto decrypted = age_source(*file, inputs_.identity);
    if (!decrypted) return std::unexpected(decrypted.error());
    HashedSource packed(**decrypted);
    if (auto done = check_packed(packed, check); !done) return done;
    const auto hash = packed.finish(kFileBytesMax);
    if (!hash && hash.error().code != Errc::Corrupt) return std::unexpected(hash.error());
    // The file that was judged is the one that was hashed, or nothing is said.
    if (!hash || *hash != *whole) check.refused = "it changes while it is read";
    return {};
  }

  /// The hash of all that is within the file; that of the packed form, without the seed, is
  /// the form's. Nothing where age refuses it.
  Result<std::optional<seal::Hash>> find_seed(ByteSource& encrypted, FormCheck& check) {
    auto decrypted = age_source(encrypted, inputs_.identity);
    if (!decrypted) return std::unexpected(decrypted.error());
    HashedSource packed(**decrypted);
    std::string window(kWindowBytes, '\0');
    std::string end;
    seal::Sha256 without_seed;
    without_seed.begin();
    for (;;) {
      const auto got = packed.read(window);
      if (!got && got.error().code != Errc::Corrupt) return std::unexpected(got.error());
      if (!got) check.refused = got.error().message;
      if (!got || *got == 0) break;
      end.append(window, 0, *got);
      const std::size_t before = end.size() - std::min(end.size(), kSeedFrameBytes);
      without_seed.add(std::string_view(end).substr(0, before));
      end.erase(0, before);
    }
    if (!check.refused.empty()) return std::nullopt;
    const auto hash = packed.finish(0);
    if (!hash) return std::unexpected(hash.error());
    check.lacks_seed = end.size() != kSeedFrameBytes || !end.starts_with(kSeedFrameHead);
    if (check.lacks_seed) return *hash;
    check.packed_hash = without_seed.finish();
    check.packed_bytes = packed.bytes() - kSeedFrameBytes;
    seed_.emplace();
    std::ranges::copy(end.substr(kSeedFrameHead.size()), reinterpret_cast<char*>(seed_->data()));
    return *hash;
  }

  [[nodiscard]] std::string live_name(const SealedBlock& block) const {
    return store::Layout{}
        .live(seal::stream_of(segment_.stream), segment_.number, block.number)
        .filename();
  }

  [[nodiscard]] bool has_live_files() const {
    return evidence_.live && std::ranges::any_of(segment_.blocks, [&](const SealedBlock& block) {
             return evidence_.live->file(live_name(block)).has_value();
           });
  }

  /// The segment may be closed meanwhile: then the blocks are going, and the file is there.
  Status add_live(SegmentCheck& result) {
    auto live = check_live();
    if (!live) return std::unexpected(live.error());
    result.live = std::move(*live);
    if (!result.forms.empty() || !evidence_.content(segment_.stream)) return {};
    if (!result.live->failure || result.live->failure->verdict != Verdict::Missing) return {};
    auto check = check_form(Form::Encrypted);
    if (!check) return std::unexpected(check.error());
    if (*check) result.forms.push_back(std::move(**check));
    return {};
  }

  /// docs/seal-format.md section 10: each block is an age file of its own.
  Result<SegmentCheck::Live> check_live() {
    SegmentCheck::Live live{.is_content_checked = !inputs_.identity.empty(), .failure = {}};
    std::optional<seal::Columns> columns;
    for (const SealedBlock& block : segment_.blocks) {
      FormCheck check;
      const std::string name = live_name(block);
      auto opened = evidence_.live->file(name);
      if (!opened && opened.error().code != Errc::NotFound) return std::unexpected(opened.error());
      if (!opened) {
        fail_block(check, block, Verdict::Missing, "the file of this block is not there");
      } else if (live.is_content_checked) {
        check.file = "live/" + name;
        if (auto done = check_live_block(std::move(*opened), block, columns, check); !done)
          return std::unexpected(done.error());
      }
      if (check.failure) {
        live.failure = std::move(check.failure);
        break;
      }
    }
    return live;
  }

  Status check_live_block(OpenFile opened, const SealedBlock& block,
                          std::optional<seal::Columns>& columns, FormCheck& check) {
    const auto file = file_source(std::move(opened), progress_);
    auto decrypted = age_source(*file, inputs_.identity);
    if (!decrypted) return std::unexpected(decrypted.error());
    std::string text(kSeedTextBytes + block.bytes + 1, '\0');
    const auto got = read_fully(**decrypted, text);
    if (!got && got.error().code != Errc::Corrupt) return std::unexpected(got.error());
    if (!got) {
      fail_block(check, block, Verdict::Undecryptable, got.error().message);
      return {};
    }
    text.resize(*got);
    const auto seed = parse_seed(text.substr(0, kSeedTextBytes));
    const std::string_view bytes =
        std::string_view(text).substr(std::min(text.size(), kSeedTextBytes));
    const bool is_events = segment_.stream == seal::Stream::Events;
    if (is_events && !columns) {
      auto known = seal::Columns::from(hideable_, bytes.substr(0, bytes.find('\n')));
      if (known) columns = std::move(*known);
    }
    if (!seed || bytes.size() != block.bytes || (is_events && !columns)) {
      fail_block(check, block, Verdict::Altered, "the file does not hold this block");
      return {};
    }
    const BlockRules rules{segment_.stream, columns ? &*columns : nullptr,
                           is_events && block.offset == 0};
    if (const auto wrong = check_block(rules, block, *seed, bytes))
      fail_block(check, block, wrong->first, wrong->second);
    return {};
  }

  /// The blocks, and what follows them. Errors: Io only; the rest is the check's.
  Status check_plain(HashedSource& plain, FormCheck& check) {
    check.is_content_checked = true;
    if (auto done = check_blocks(plain, check); !done) return done;
    if (check.failure || only_sealed_) return {};
    const auto& last = segment_.blocks.back();
    const auto hash = plain.finish(kTailBytesMax);
    if (!hash && hash.error().code != Errc::Corrupt) return std::unexpected(hash.error());
    if (hash) check.plain_hash = *hash;
    check.plain_bytes = plain.bytes();
    check.tail_bytes = plain.bytes() - std::min(plain.bytes(), last.offset + last.bytes);
    return {};
  }

  Status check_blocks(ByteSource& plain, FormCheck& check) {
    std::string pending;  // read already: the header line may be before the first block
    std::optional<seal::Columns> columns;
    if (segment_.stream == seal::Stream::Events) {
      auto header = read_header(plain, pending);
      if (!header) return std::unexpected(header.error());
      auto known = seal::Columns::from(hideable_, *header);
      if (!known) {
        fail_block(check, segment_.blocks.front(), Verdict::Altered,
                   "the header line is not that of the log");
        return {};
      }
      columns = std::move(*known);
    }
    std::uint64_t at = 0;
    std::string bytes;
    for (const SealedBlock& block : segment_.blocks) {
      const auto whole = read_block(plain, pending, block, at, bytes);
      if (!whole) return std::unexpected(whole.error());
      if (!*whole) {
        fail_block(check, block, Verdict::Altered, "the file ends or breaks within this block");
        return {};
      }
      const bool has_header = segment_.stream == seal::Stream::Events && block.offset == 0;
      const auto wrong =
          seed_ ? check_block({segment_.stream, columns ? &*columns : nullptr, has_header}, block,
                              seal::block_seed(*seed_, block.number), bytes)
                : std::pair{Verdict::Altered, std::string("its seed is no seed")};
      if (wrong) {
        fail_block(check, block, wrong->first, wrong->second);
        return {};
      }
    }
    return {};
  }

  /// The first line, or what there is of it; `pending` gets what was read.
  static Result<std::string> read_header(ByteSource& plain, std::string& pending) {
    pending.resize(kHeaderBytesMax);
    const auto got = read_fully(plain, pending);
    if (!got && got.error().code != Errc::Corrupt) return std::unexpected(got.error());
    pending.resize(got.value_or(0));
    return pending.substr(0, std::min(pending.find('\n'), pending.size() - 1) + 1);
  }

  /// False when the file has less.
  static Result<bool> read_block(ByteSource& plain, std::string& pending, const SealedBlock& block,
                                 std::uint64_t& at, std::string& bytes) {
    constexpr std::uint64_t kStep = 1ULL << 20;
    while (at < block.offset + block.bytes) {
      const bool skips = at < block.offset;
      const std::uint64_t until = skips ? block.offset : block.offset + block.bytes;
      const std::size_t wanted = skips ? std::min(kStep, until - at) : until - at;
      bytes = pending.substr(0, wanted);
      pending.erase(0, bytes.size());
      const std::size_t had = bytes.size();
      bytes.resize(wanted);
      const auto got = read_fully(plain, std::span(bytes).subspan(had));
      if (!got && got.error().code != Errc::Corrupt) return std::unexpected(got.error());
      if (!got || had + *got != wanted) return false;
      at += wanted;
    }
    return true;
  }

  static void fail_block(FormCheck& check, const SealedBlock& block, Verdict verdict,
                         std::string reason) {
    Place place{.leaf = block.leaf, .file = check.file, .offset = block.offset};
    if (block.first != 0) place.record = block.first;
    check.failure = Failure{verdict, std::move(place), std::move(reason)};
  }

  const Evidence& evidence_;
  const SealedSegment& segment_;
  std::string_view hideable_;
  bool only_sealed_;
  const Inputs& inputs_;
  Progress& progress_;
  std::optional<seal::Seed> seed_;
};

}  // namespace

bool has_numbers(seal::Stream stream, std::string_view bytes, bool has_header, std::uint64_t first,
                 std::uint64_t last) {
  return stream == seal::Stream::Events ? has_line_numbers(bytes, has_header, first, last)
                                        : has_packet_numbers(bytes, first, last);
}

std::optional<std::pair<Verdict, std::string>> check_block(const BlockRules& rules,
                                                           const SealedBlock& block,
                                                           const seal::Seed& block_seed,
                                                           std::string_view bytes) {
  static const seal::Columns kNone;
  const auto altered = [](const char* why) {
    return std::pair{Verdict::Altered, std::string(why)};
  };
  // Salts are made for as many items as the bytes have: first see that they are those of the leaf.
  if (count_items(rules.stream, bytes) != block.items)
    return altered("the bytes of the block are not those that were sealed");
  const auto hashes =
      seal::hash_items(rules.stream, rules.columns ? *rules.columns : kNone, block_seed, bytes);
  if (!hashes || hashes->size() != block.items || seal::tree_hash(*hashes) != block.root)
    return altered("the bytes of the block are not those that were sealed");
  if (!has_numbers(rules.stream, bytes, rules.has_header, block.first, block.last))
    return std::pair{
        Verdict::Reordered,
        std::string("the records of the block do not have the numbers it was sealed with")};
  return std::nullopt;
}

Result<SegmentCheck> check_segment(const Evidence& evidence, const SealedSegment& segment,
                                   std::string_view hideable, bool only_sealed,
                                   const Inputs& inputs, Progress& progress) {
  return Checker(evidence, segment, hideable, only_sealed, inputs, progress).run();
}

}  // namespace alibi::verify
