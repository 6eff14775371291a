#include "disclose/shown_block.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "seal/bytes.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::disclose {
namespace {

using seal::kSaltBytes;
using seal::kSaltsPerItem;

std::string_view salt_at(std::string_view salts, std::uint64_t item, std::size_t k) {
  return salts.substr((item * kSaltsPerItem + k) * kSaltBytes, kSaltBytes);
}

/// Puts the lines of one block together.
class BlockText {
 public:
  BlockText(ShownBlock& out, const ColumnChoice& choice, std::string_view salts)
      : out_(out), choice_(choice), salts_(salts) {
    for (std::size_t k = 0; k < choice.is_hidden.size(); ++k)
      hides_[k] = choice.is_hidden[k];
  }

  void hide(const seal::HiddenRange& range) {
    out_.items += std::to_string(out_.leaf) + "," + std::to_string(range.from) + "," +
                  std::to_string(range.to - 1) + "," + range.hash.to_base64() + ",\n";
    out_.hidden += range.to - range.from;
  }

  void show_line(std::uint64_t item, std::string_view line) {
    const bool is_header = item == 0 && has_header_line(out_.block);
    std::vector<std::string> given(1 + choice_.names.size());
    given[0] = salt_at(salts_, item, 0);
    const auto fields = seal::split_fields(line);
    if (!is_header && fields.size() == choice_.columns.fields()) {
      for (std::size_t k = 0; k < choice_.names.size(); ++k) {
        if (!hides_[k] && !fields[choice_.columns.hideable()[k]].empty())
          given[k + 1] = salt_at(salts_, item, k + 1);
      }
    }
    add_item(item, given);
    if (is_header) return;
    const auto own = salts_.substr(item * kSaltsPerItem * kSaltBytes, kSaltsPerItem * kSaltBytes);
    std::string text = seal::commit_line(sha_, choice_.columns, own, line,
                                         std::span(hides_).first(choice_.names.size()));
    out_.records += text;
    ++out_.shown;
    text.pop_back();
    if (out_.example.empty()) out_.example.push_back({item, std::move(text), std::move(given), {}});
  }

  void show_packet(std::uint64_t item, std::string_view block) {
    add_item(item, {std::string(salt_at(salts_, item, 0))});
    out_.records += std::to_string(out_.leaf) + "," + std::to_string(item) + "," +
                    seal::to_base64(block) + "\n";
    if (store::packet_number(std::as_bytes(std::span(block)))) ++out_.shown;
  }

 private:
  void add_item(std::uint64_t item, const std::vector<std::string>& salts) {
    const std::string number = std::to_string(item);
    out_.items += std::to_string(out_.leaf) + "," + number + "," + number + ",,";
    for (std::size_t k = 0; k < salts.size(); ++k)
      out_.items += (k == 0 ? "" : ";") + seal::to_base64(salts[k]);
    out_.items += "\n";
  }

  ShownBlock& out_;
  const ColumnChoice& choice_;
  std::string_view salts_;
  std::array<bool, seal::kHideableMax> hides_{};
  seal::Sha256 sha_;
};

void add_path(ShownBlock& out, const std::vector<seal::Hash>& hashes) {
  if (out.example.empty()) return;
  const seal::NodeReader read = [&](unsigned level, std::uint64_t index) -> Result<seal::Hash> {
    return seal::tree_hash(std::span(hashes).subspan(index << level, std::size_t{1} << level));
  };
  out.example.front().path =
      seal::prove_inclusion(read, out.example.front().item, hashes.size()).value();
}

}  // namespace

Result<ColumnChoice> ColumnChoice::from(std::string_view hideable, std::string_view header,
                                        const std::vector<std::string>& hide) {
  auto columns = seal::Columns::from(hideable, header);
  if (!columns) return std::unexpected(columns.error());
  ColumnChoice choice{.columns = std::move(*columns), .names = {}, .is_hidden = {}};
  const auto all = seal::split_fields(choice.columns.header());
  for (const std::size_t index : choice.columns.hideable())
    choice.names.emplace_back(all[index]);
  choice.is_hidden.resize(choice.names.size());
  for (const std::string& name : hide) {
    const auto found = std::ranges::find(choice.names, name);
    if (found == choice.names.end())
      return fail(Errc::Usage, "--hide: the column " + name + " cannot be hidden in this log; " +
                                   (choice.names.empty() ? std::string("none can")
                                                         : "these can: " + std::string(hideable)));
    choice.is_hidden[static_cast<std::size_t>(found - choice.names.begin())] = true;
  }
  return choice;
}

Result<ShownBlock> show_block(std::uint64_t leaf, const seal::BlockLeaf& block,
                              std::string_view bytes, const seal::Seed& block_seed,
                              const ColumnChoice& choice, std::vector<std::uint64_t> shown) {
  const auto damaged = [&] {
    return fail(Errc::Corrupt, std::string(name_of(block.stream)) + " segment " +
                                   std::to_string(block.segment) + ", block " +
                                   std::to_string(block.block) +
                                   " is not what was sealed; see `alibi verify`");
  };
  const auto items = seal::split_items(block.stream, bytes);
  const auto hashes = seal::hash_items(block.stream, choice.columns, block_seed, bytes);
  if (!items || !hashes || items->size() != block.items ||
      seal::tree_hash(*hashes).to_base64() != block.root)
    return damaged();
  if (has_header_line(block)) {
    if (items->front() != choice.columns.header())
      return fail(Errc::Unsupported, "events segment " + std::to_string(block.segment) +
                                         " has other columns than format 1");
    if (shown.empty() || shown.front() != 0) shown.insert(shown.begin(), 0);
  }
  ShownBlock out{.leaf = leaf, .block = block};
  const std::string salts = seal::salts_of(block_seed, items->size());
  BlockText text(out, choice, salts);
  auto hidden = seal::hidden_ranges(shown, items->size());
  auto next = hidden.begin();
  for (std::uint64_t item = 0; item < items->size(); ++item) {
    if (next != hidden.end() && next->from == item) {
      next->hash = seal::tree_hash(std::span(*hashes).subspan(item, next->to - item));
      text.hide(*next);
      item = next->to - 1;
      ++next;
    } else if (block.stream == seal::Stream::Events) {
      text.show_line(item, (*items)[item]);
    } else {
      text.show_packet(item, (*items)[item]);
    }
  }
  add_path(out, *hashes);
  return out;
}

}  // namespace alibi::disclose
