#include "verify/bundle_items.hpp"

#include <array>
#include <span>

#include "seal/item.hpp"
#include "seal/tree.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::verify {
namespace {

class ItemCheck {
 public:
  ItemCheck(const Bundle& bundle, seal::Columns columns, Findings& findings)
      : bundle_(bundle), columns_(std::move(columns)), findings_(findings) {}

  std::optional<ShownRecords> run() {
    for (const auto& [index, items] : bundle_.items) {
      const auto block = seal::BlockLeaf::from_leaf(bundle_.leaves.at(index).leaf);
      if (!block || !check_block(index, *block, items)) return std::nullopt;
    }
    if (next_record_ != bundle_.records.size() || next_packet_ != bundle_.packets.size()) {
      (void)bad(std::nullopt, "records.csv or packets.csv has a line that items.csv does not know");
      return std::nullopt;
    }
    return std::move(shown_);
  }

 private:
  bool bad(std::optional<std::uint64_t> leaf, std::string reason,
           std::optional<std::uint64_t> record = {}) {
    findings_.add(Step::Content, Verdict::BadBundle, {.leaf = leaf, .record = record},
                  std::move(reason));
    return false;
  }

  bool check_block(std::uint64_t index, const seal::BlockLeaf& block, const BundleItems& items) {
    std::map<std::uint64_t, seal::Hash> hashes;
    std::uint64_t numbered = 0;
    for (const auto& [item, salts] : items.shown) {
      const auto hash = block.stream == seal::Stream::Events
                            ? hash_record(index, block, item, salts, numbered)
                            : hash_packet(index, block, item, salts, numbered);
      if (!hash) return false;
      hashes.emplace(item, *hash);
    }
    const auto root = seal::root_of_pruned(hashes, items.hidden, block.items);
    if (!root) return bad(index, "items.csv: " + root.error().message);
    if (root->to_base64() != block.root)
      return bad(index, "what is shown of the block does not give the root that was sealed");
    const std::uint64_t records = block.first == 0 ? 0 : block.last - block.first + 1;
    shown_.withheld += records - std::min(records, numbered);
    return true;
  }

  std::optional<seal::Hash> hash_record(std::uint64_t index, const seal::BlockLeaf& block,
                                        std::uint64_t item, const std::vector<std::string>& salts,
                                        std::uint64_t& numbered) {
    const auto wrong = [&](const char* why) {
      (void)bad(index, why);
      return std::nullopt;
    };
    if (salts.size() != 1 + columns_.hideable().size())
      return wrong("a shown item does not have a place for the salt of each column");
    if (item == 0 && block.offset == 0)
      return seal::item_hash(sha_, block.stream, salts[0], bundle_.header);
    if (next_record_ == bundle_.records.size()) return wrong("records.csv has too few lines");
    const std::string& line = bundle_.records[next_record_++];
    const auto fields = seal::split_fields(line);
    const auto number = read_number(fields.front());
    if (fields.size() != columns_.fields() || !number || *number < block.first ||
        *number > block.last)
      return wrong("a line of records.csv is no record of this block");
    std::string all(seal::kSaltsPerItem * seal::kSaltBytes, '\0');
    std::array<bool, seal::kHideableMax> keep{};
    for (std::size_t k = 1; k < salts.size(); ++k) {
      keep[k - 1] = !salts[k].empty();
      all.replace(k * seal::kSaltBytes, salts[k].size(), salts[k]);
      const auto field = fields[columns_.hideable()[k - 1]];
      if (!keep[k - 1] && !field.empty() && !is_commitment(field)) {
        (void)bad(index, "a field is shown without its salt", *number);
        return std::nullopt;
      }
    }
    ++numbered;
    shown_.lines.push_back(line);
    return seal::item_hash(sha_, block.stream, salts[0],
                           seal::commit_line(sha_, columns_, all, line, keep));
  }

  std::optional<seal::Hash> hash_packet(std::uint64_t index, const seal::BlockLeaf& block,
                                        std::uint64_t item, const std::vector<std::string>& salts,
                                        std::uint64_t& numbered) {
    const auto wrong = [&](const char* why) {
      (void)bad(index, why);
      return std::nullopt;
    };
    if (salts.size() != 1 || next_packet_ == bundle_.packets.size())
      return wrong("an item is shown and not in packets.csv");
    const ShownPacket& packet = bundle_.packets[next_packet_++];
    const auto bytes = std::as_bytes(std::span(packet.bytes));
    if (packet.leaf != index || packet.item != item ||
        store::block_length(bytes) != packet.bytes.size())
      return wrong("a line of packets.csv is no packet of this block");
    if (const auto number = store::packet_number(bytes)) {
      if (*number < block.first || *number > block.last)
        return wrong("a packet has a number that its block does not have");
      ++numbered;
      ++shown_.packets;
    }
    return seal::item_hash(sha_, block.stream, salts[0], packet.bytes);
  }

  static bool is_commitment(std::string_view field) {
    return field.starts_with('#') && seal::Hash::from_base64(field.substr(1)).has_value();
  }

  const Bundle& bundle_;
  seal::Columns columns_;
  Findings& findings_;
  seal::Sha256 sha_;
  std::size_t next_record_ = 0;
  std::size_t next_packet_ = 0;
  ShownRecords shown_;
};

}  // namespace

std::optional<ShownRecords> check_items(const Bundle& bundle, std::string_view hideable,
                                        Findings& findings) {
  auto columns = seal::Columns::from(hideable, bundle.header);
  if (!columns) {
    findings.add(Step::Content, Verdict::BadBundle, {.file = "records.csv"},
                 columns.error().message);
    return std::nullopt;
  }
  return ItemCheck(bundle, std::move(*columns), findings).run();
}

}  // namespace alibi::verify
