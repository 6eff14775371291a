#include "seal/item.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "seal/bytes.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::seal {
namespace {

constexpr std::string_view kLineTag = "alibi-line-v1\n";
constexpr std::string_view kPacketTag = "alibi-packet-v1\n";
constexpr std::string_view kColumnTag = "alibi-column-v1\n";
constexpr std::size_t kItemSalts = kSaltsPerItem * kSaltBytes;

std::string_view salt_at(std::string_view salts, std::size_t k) {
  return salts.substr(k * kSaltBytes, kSaltBytes);
}

/// Where the first comma at or after `from` stands that is not between quotes; `quote`
/// is the first quote there, and moves on.
std::size_t find_comma(std::string_view line, std::size_t from, std::size_t& quote) {
  std::size_t comma = line.find(',', from);
  while (quote < comma) {  // npos is greater than every position
    const std::size_t end = line.find('"', quote + 1);
    if (end == std::string_view::npos) return end;
    quote = line.find('"', end + 1);
    comma = line.find(',', end + 1);
  }
  return comma;
}

/// Fields of `line`, which has no LF, into `fields`.
void split_into(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  std::size_t quote = line.find('"');
  std::size_t begin = 0;
  while (true) {
    const std::size_t comma = find_comma(line, begin, quote);
    fields.push_back(line.substr(begin, comma - begin));
    if (comma == std::string_view::npos) return;
    begin = comma + 1;
  }
}

std::string_view without_lf(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

void append_commitment(Sha256& sha, std::string_view salt, std::string_view field,
                       std::string& to) {
  to += '#';
  append_base64(to, sha.begin().add(kColumnTag).add(salt).add(field).finish().view());
}

/// Appends the committed line to `to`; `fields` is room to work in.
void append_committed(Sha256& sha, const Columns& columns, std::string_view salts,
                      std::string_view line, std::span<const bool> keep,
                      std::vector<std::string_view>& fields, std::string& to) {
  split_into(without_lf(line), fields);
  if (fields.size() != columns.fields() || line == columns.header()) {
    to += line;
    return;
  }
  std::size_t done = 0;  // bytes of the line that are in `to`
  for (std::size_t k = 0; k < columns.hideable().size(); ++k) {
    const std::string_view field = fields[columns.hideable()[k]];
    if (field.empty() || (!keep.empty() && !keep[k])) continue;
    const auto at = static_cast<std::size_t>(field.data() - line.data());
    to += line.substr(done, at - done);
    append_commitment(sha, salt_at(salts, k + 1), field, to);
    done = at + field.size();
  }
  to += line.substr(done);
}

}  // namespace

Seed block_seed(const Seed& segment_seed, std::uint64_t block) {
  std::string message = "alibi-block-v1";
  append_u64be(message, block);
  return hmac_sha256({reinterpret_cast<const char*>(segment_seed.data()), segment_seed.size()},
                     message)
      .bytes;
}

std::string salts_of(const Seed& block_seed, std::size_t items) {
  // The counter has 32 bits and counts two blocks of 64 bytes for each item.
  ALIBI_CHECK(items <= std::numeric_limits<int>::max() / kItemSalts);
  static EVP_CIPHER* const chacha20 = EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
  ALIBI_CHECK(chacha20 != nullptr);
  static constexpr unsigned char kCounterAndNonce[16] = {};
  std::string salts(items * kItemSalts, '\0');  // the keystream is what zeros become
  const auto bytes = reinterpret_cast<unsigned char*>(salts.data());
  int written = 0;
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  const bool is_done =
      context != nullptr &&
      EVP_EncryptInit_ex2(context, chacha20, block_seed.data(), kCounterAndNonce, nullptr) == 1 &&
      EVP_EncryptUpdate(context, bytes, &written, bytes, static_cast<int>(salts.size())) == 1;
  EVP_CIPHER_CTX_free(context);
  ALIBI_CHECK(is_done && static_cast<std::size_t>(written) == salts.size());
  return salts;
}

Result<Columns> Columns::from(std::string_view hideable, std::string_view header) {
  Columns columns;
  columns.header_ = std::string(without_lf(header)) + "\n";
  const auto names = split_fields(columns.header_);
  columns.fields_ = names.size();
  while (!hideable.empty()) {
    const auto name = hideable.substr(0, hideable.find(','));
    hideable.remove_prefix(std::min(name.size() + 1, hideable.size()));
    const auto found = std::ranges::find(names, name);
    const auto index = static_cast<std::size_t>(found - names.begin());
    if (found == names.end() || (!columns.hideable_.empty() && index <= columns.hideable_.back()))
      return fail(Errc::Corrupt, "hideable column " + std::string(name) +
                                     " is no column of the header line, or not in its order");
    columns.hideable_.push_back(index);
  }
  if (columns.hideable_.size() > kHideableMax)
    return fail(Errc::Corrupt, "at most seven columns can be hideable");
  return columns;
}

std::vector<std::string_view> split_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  split_into(without_lf(line), fields);
  return fields;
}

std::string commit_field(Sha256& sha, std::string_view salt, std::string_view field) {
  std::string text;
  append_commitment(sha, salt, field, text);
  return text;
}

std::string commit_line(Sha256& sha, const Columns& columns, std::string_view salts,
                        std::string_view line, std::span<const bool> keep) {
  std::vector<std::string_view> fields;
  std::string committed;
  append_committed(sha, columns, salts, line, keep, fields, committed);
  return committed;
}

Hash item_hash(Sha256& sha, Stream stream, std::string_view salt0, std::string_view committed) {
  return sha.begin()
      .add(std::string_view("\0", 1))
      .add(stream == Stream::Events ? kLineTag : kPacketTag)
      .add(salt0)
      .add(committed)
      .finish();
}

Result<std::vector<std::string_view>> split_items(Stream stream, std::string_view bytes) {
  std::vector<std::string_view> items;
  while (!bytes.empty()) {
    std::size_t size = 0;
    if (stream == Stream::Events) {
      size = bytes.find('\n') + 1;  // 0 when there is none
    } else {
      size = store::block_length(std::as_bytes(std::span(bytes))).value_or(0);
    }
    if (size == 0)
      return fail(Errc::Corrupt, "the bytes of the block do not end with a whole item");
    items.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return items;
}

Result<std::vector<Hash>> hash_items(Stream stream, const Columns& columns, const Seed& block_seed,
                                     std::string_view bytes) {
  const auto items = split_items(stream, bytes);
  if (!items) return std::unexpected(items.error());
  const std::string all_salts = salts_of(block_seed, items->size());
  Sha256 sha;
  std::string committed;
  std::vector<std::string_view> fields;
  std::vector<Hash> hashes;
  hashes.reserve(items->size());
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto salts = std::string_view(all_salts).substr(i * kItemSalts, kItemSalts);
    std::string_view data = (*items)[i];
    if (stream == Stream::Events) {
      committed.clear();
      append_committed(sha, columns, salts, data, {}, fields, committed);
      data = committed;
    }
    hashes.push_back(item_hash(sha, stream, salt_at(salts, 0), data));
  }
  return hashes;
}

}  // namespace alibi::seal
