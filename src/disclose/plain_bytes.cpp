#include "disclose/plain_bytes.hpp"

#include <algorithm>
#include <span>

#include "seal/block_sealer.hpp"
#include "seal/bytes.hpp"
#include "store/layout.hpp"
#include "store/packed_file.hpp"

namespace alibi::disclose {
namespace {

constexpr std::uint64_t kBlockBytesMax = 64ULL << 20;  // docs/seal-format.md, details of step 4
constexpr std::size_t kSkipBytes = 1U << 20;
constexpr std::uint64_t kNearBytes = 4U << 20;  // farther away, frames are passed over unread

}  // namespace

Status PlainBytes::open(std::uint64_t segment, std::uint64_t offset) {
  const store::Layout files = layout_.files();
  const bool is_events = stream_ == seal::Stream::Events;
  const auto plain = is_events ? files.csv(segment) : files.pcapng(segment);
  const auto packed = is_events ? files.packed(segment) : files.pcapng_packed(segment);
  auto done = open_packed(packed, offset);
  if (!done && done.error().code == Errc::NotFound) done = open_plain(plain);
  // Packed in between, the plain form may be gone.
  if (!done && done.error().code == Errc::NotFound) done = open_packed(packed, offset);
  if (done) decrypted_.reset();
  if (!done && done.error().code == Errc::NotFound && files.is_encrypted())
    done = open_encrypted(segment, offset);
  if (!done && done.error().code == Errc::NotFound)
    return fail(Errc::NotFound,
                "the records wanted stood in " + packed.string() + ", which is not there any more");
  segment_ = segment;
  return done;
}

Status PlainBytes::open_encrypted(std::uint64_t segment, std::uint64_t offset) {
  if (identity_.empty())
    return fail(Errc::Unsupported,
                "the records wanted are encrypted; --identity FILE, an age identity, opens them");
  if (!decrypted_ || segment_ != segment) {
    decrypted_.reset();
    auto opened = store::decrypt_segment(store::real_disk(), layout_.files(),
                                         seal::stream_of(stream_), segment, identity_);
    if (!opened) return std::unexpected(opened.error());
    decrypted_ = std::move(*opened);
  }
  return decrypted_->is_packed ? open_packed(decrypted_->path(), offset)
                               : open_plain(decrypted_->path());
}

Status PlainBytes::open_plain(const std::filesystem::path& file) {
  auto input = packet::Input::open(file);
  if (!input) return std::unexpected(input.error());
  input_ = std::move(*input);
  at_ = 0;
  return {};
}

Status PlainBytes::open_packed(const std::filesystem::path& file, std::uint64_t offset) {
  auto frames = store::PackedFile::open(store::real_disk(), file);
  if (!frames) return std::unexpected(frames.error());
  const auto frame = frames->frame_of(offset);
  if (!frame) return std::unexpected(frame.error());
  auto input = packet::Input::open(file, frame->file_offset);
  if (!input) return std::unexpected(input.error());
  input_ = std::move(*input);
  at_ = frame->csv_offset;
  return {};
}

Status PlainBytes::fill(std::string& to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto got = input_->read(std::as_writable_bytes(std::span(to).subspan(done)));
    if (!got) return std::unexpected(got.error());
    if (*got == 0)
      return fail(Errc::Corrupt, "it is shorter than its seal says; see `alibi verify`");
    done += *got;
  }
  at_ += done;
  return {};
}

Status PlainBytes::skip_to(std::uint64_t offset) {
  std::string passed;
  while (at_ < offset) {
    passed.resize(std::min<std::uint64_t>(kSkipBytes, offset - at_));
    if (auto done = fill(passed); !done) return done;
  }
  return {};
}

Result<std::string> PlainBytes::read(const seal::BlockLeaf& block) {
  const bool is_near = at_ <= block.offset && block.offset - at_ <= kNearBytes;
  if (!input_ || segment_ != block.segment || !is_near) {
    if (auto done = open(block.segment, block.offset); !done) return std::unexpected(done.error());
  }
  const std::string where =
      std::string(name_of(stream_)) + " segment " + std::to_string(block.segment);
  if (block.bytes > kBlockBytesMax) return fail(Errc::Corrupt, where + ": a block that long");
  std::string bytes(block.bytes, '\0');
  auto done = skip_to(block.offset);
  if (done) done = fill(bytes);
  if (!done) {
    input_.reset();
    return during(where, done.error());
  }
  return bytes;
}

Result<seal::Seed> PlainBytes::seed(const seal::BlockLeaf& block) {
  const auto no_seed = [](const std::filesystem::path& path) {
    return fail(Errc::Corrupt, path.string() + " has no seed of the salts");
  };
  std::optional<std::string> bytes;
  std::filesystem::path from = layout_.seed(stream_, block.segment);
  bool is_of_block = false;
  if (!decrypted_) {
    const auto text = store::read_file(store::real_disk(), from, 65);
    if (!text) return std::unexpected(text.error());
    if (text->ends_with('\n'))
      bytes = seal::from_hex(std::string_view(*text).substr(0, text->size() - 1));
  } else {
    from = decrypted_->from;
    is_of_block = !decrypted_->is_packed;
    if (!is_of_block)
      bytes = decrypted_->seed;
    else if (block.block < decrypted_->block_seeds.size())
      bytes = seal::from_hex(decrypted_->block_seeds[block.block]);
  }
  seal::Seed seed{};
  if (!bytes || bytes->size() != seed.size()) return no_seed(from);
  std::ranges::copy(*bytes, seed.begin());
  return is_of_block ? seed : seal::block_seed(seed, block.block);
}

}  // namespace alibi::disclose
