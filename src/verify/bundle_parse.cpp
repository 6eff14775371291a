#include "verify/bundle_parse.hpp"

#include <algorithm>

#include "event/number.hpp"
#include "event/record.hpp"
#include "seal/bytes.hpp"
#include "seal/item.hpp"

namespace alibi::verify {
namespace {

constexpr std::string_view kItemsHeader = "leaf,from,to,hash,salts";
constexpr std::string_view kTreeHeader = "from,to,hash";
constexpr std::string_view kPacketsHeader = "leaf,item,packet";
constexpr std::string_view kClaimsHeader = "alibi-disclosure,1";
constexpr std::string_view kProofHeader = "c2sp.org/tlog-proof@v1";
constexpr std::size_t kPathMax = 63;
constexpr std::size_t kProcessesMax = 10'000;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Calls `take(line)` for each line without its LF, until one is refused.
template <typename Take>
Status for_each_line(std::string_view text, Take&& take) {
  std::uint64_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return fail(Errc::Corrupt, "the last line has no end");
    if (!take(text.substr(0, end)))
      return fail(Errc::Corrupt, "line " + std::to_string(number) + " is not understood");
    text.remove_prefix(end + 1);
  }
  return {};
}

/// The same after a header line that must be `header`.
template <typename Take>
Status for_each_line_after(std::string_view header, std::string_view text, Take&& take) {
  bool is_first = true;
  auto done = for_each_line(text, [&](std::string_view line) {
    if (!is_first) return take(line);
    is_first = false;
    return line == header;
  });
  if (done && is_first) return fail(Errc::Corrupt, "the header line is not there");
  return done;
}

/// FROM,TO,HASH; TO is the last one in it.
std::optional<seal::HiddenRange> read_range(std::string_view from, std::string_view to,
                                            std::string_view hash) {
  const auto first = read_number(from);
  const auto last = read_number(to);
  const auto value = seal::Hash::from_base64(hash);
  if (!first || !last || !value || *last < *first) return std::nullopt;
  return seal::HiddenRange{*first, *last + 1, *value};
}

std::optional<std::vector<std::string>> read_salts(std::string_view text) {
  std::vector<std::string> salts;
  for (const auto part : split(text, ';')) {
    if (salts.size() == seal::kSaltsPerItem) return std::nullopt;
    auto salt = part.empty() ? std::optional(std::string()) : seal::from_base64(part);
    if (!salt || (!salt->empty() && salt->size() != seal::kSaltBytes)) return std::nullopt;
    salts.push_back(std::move(*salt));
  }
  if (salts.front().empty()) return std::nullopt;
  return salts;
}

bool is_process(std::string_view text) {
  const auto parts = split(text, '@');
  return parts.size() == 2 && std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
         });
}

class ClaimReader {
 public:
  bool take(std::string_view line) {
    const auto fields = split(line, ',');
    const std::string_view kind = fields.front();
    if (kind == "process") return take_process(fields);
    if (kind == "origin") return once(has_origin_) && fields.size() == 2 && take_origin(fields[1]);
    if (kind == "interval") return !claims_.interval && take_interval(fields);
    if (kind == "made")
      return once(has_made_) && fields.size() == 2 && event::parse_time(fields[1]).has_value();
    return kind == "hidden_columns" && once(has_hidden_) && fields.size() == 2;
  }
  [[nodiscard]] Result<Claims> finish() && {
    if (!has_origin_) return fail(Errc::Corrupt, "no line says the origin");
    return std::move(claims_);
  }

 private:
  static bool once(bool& seen) { return !std::exchange(seen, true); }

  bool take_origin(std::string_view text) {
    claims_.origin = text;
    return true;
  }

  bool take_interval(const std::vector<std::string_view>& fields) {
    if (fields.size() != 5) return false;
    const auto from = event::parse_time(fields[1]);
    const auto to = event::parse_time(fields[2]);
    const auto first = read_number(fields[3]);
    const auto last = read_number(fields[4]);
    if (!from || !to || !first || !last) return false;
    claims_.interval = Claims::Interval{*from, *to, *first, *last};
    return true;
  }

  bool take_process(const std::vector<std::string_view>& fields) {
    const bool is_open = fields.size() == 5 && fields[4] == "open";
    if ((fields.size() != 4 && !is_open) || !is_process(fields[1]) || fields[2] != "1")
      return false;
    const auto last = read_number(fields[3]);
    if (!last || *last == 0 || claims_.processes.size() == kProcessesMax) return false;
    claims_.processes.push_back({std::string(fields[1]), *last, is_open});
    return true;
  }

  Claims claims_;
  bool has_origin_ = false;
  bool has_made_ = false;
  bool has_hidden_ = false;
};

}  // namespace

std::optional<std::uint64_t> read_number(std::string_view text) {
  const auto number = event::parse_number<std::uint64_t>(text);
  return number && *number <= kNumberMax ? number : std::nullopt;
}

Result<std::map<std::uint64_t, BundleItems>> parse_items(std::string_view text) {
  std::map<std::uint64_t, BundleItems> items;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> before;
  const auto take = [&](std::string_view line) {
    const auto fields = split(line, ',');
    if (fields.size() != 5) return false;
    const auto leaf = read_number(fields[0]);
    const auto from = read_number(fields[1]);
    if (!leaf || !from || (before && *before >= std::pair(*leaf, *from))) return false;
    before = {*leaf, *from};
    BundleItems& block = items[*leaf];
    if (!fields[3].empty()) {
      const auto range = read_range(fields[1], fields[2], fields[3]);
      if (!range || !fields[4].empty()) return false;
      block.hidden.push_back(*range);
      return true;
    }
    auto salts = read_salts(fields[4]);
    if (fields[1] != fields[2] || !salts) return false;
    block.shown.emplace(*from, std::move(*salts));
    return true;
  };
  if (auto done = for_each_line_after(kItemsHeader, text, take); !done)
    return std::unexpected(done.error());
  return items;
}

Result<std::map<std::uint64_t, std::string>> parse_leaf_lines(std::string_view text) {
  std::map<std::uint64_t, std::string> leaves;
  const auto take = [&](std::string_view line) {
    const auto comma = line.find(',');
    if (comma == std::string_view::npos) return false;
    const auto index = read_number(line.substr(0, comma));
    if (!index || (!leaves.empty() && *index <= leaves.rbegin()->first)) return false;
    leaves.emplace_hint(leaves.end(), *index, std::string(line.substr(comma + 1)) + "\n");
    return true;
  };
  if (auto done = for_each_line(text, take); !done) return std::unexpected(done.error());
  return leaves;
}

Result<std::vector<seal::HiddenRange>> parse_tree(std::string_view text) {
  std::vector<seal::HiddenRange> ranges;
  const auto take = [&](std::string_view line) {
    const auto fields = split(line, ',');
    const auto range =
        fields.size() == 3 ? read_range(fields[0], fields[1], fields[2]) : std::nullopt;
    if (!range) return false;
    ranges.push_back(*range);
    return true;
  };
  if (auto done = for_each_line_after(kTreeHeader, text, take); !done)
    return std::unexpected(done.error());
  return ranges;
}

Result<Claims> parse_claims(std::string_view text) {
  ClaimReader reader;
  const auto done = for_each_line_after(kClaimsHeader, text,
                                        [&](std::string_view line) { return reader.take(line); });
  if (!done) return std::unexpected(done.error());
  return std::move(reader).finish();
}

Result<std::vector<ShownPacket>> parse_packets(std::string_view text) {
  std::vector<ShownPacket> packets;
  const auto take = [&](std::string_view line) {
    const auto fields = split(line, ',');
    if (fields.size() != 3) return false;
    const auto leaf = read_number(fields[0]);
    const auto item = read_number(fields[1]);
    auto bytes = seal::from_base64(fields[2]);
    if (!leaf || !item || !bytes) return false;
    packets.push_back({*leaf, *item, std::move(*bytes)});
    return true;
  };
  if (auto done = for_each_line_after(kPacketsHeader, text, take); !done)
    return std::unexpected(done.error());
  return packets;
}

Result<std::map<std::string, std::string>> parse_sums(std::string_view text) {
  constexpr std::size_t kHexDigits = 64;
  std::map<std::string, std::string> sums;
  const auto take = [&](std::string_view line) {
    if (line.size() <= kHexDigits + 2 || line.substr(kHexDigits, 2) != "  ") return false;
    const auto hash = line.substr(0, kHexDigits);
    return seal::Hash::from_hex(hash).has_value() &&
           sums.emplace(line.substr(kHexDigits + 2), hash).second;
  };
  if (auto done = for_each_line(text, take); !done) return std::unexpected(done.error());
  return sums;
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
  const auto corrupt = [] { return fail(Errc::Corrupt, "it is no tlog-proof"); };
  const auto end = text.find("\n\n");
  if (end == std::string_view::npos) return corrupt();
  auto lines = split(text.substr(0, end), '\n');
  TlogProof proof{.note = std::string(text.substr(end + 2))};
  if (lines.size() > 1 && lines[1].starts_with("extra ")) lines.erase(lines.begin() + 1);
  if (lines.size() < 2 || lines.size() > 2 + kPathMax || lines[0] != kProofHeader ||
      !lines[1].starts_with("index "))
    return corrupt();
  const auto index = read_number(lines[1].substr(6));
  if (!index) return corrupt();
  proof.index = *index;
  for (const auto line : std::span(lines).subspan(2)) {
    const auto hash = seal::Hash::from_base64(line);
    if (!hash) return corrupt();
    proof.path.push_back(*hash);
  }
  return proof;
}

}  // namespace alibi::verify
