#include "disclose/readme.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "event/record.hpp"
#include "seal/bytes.hpp"

namespace alibi::disclose {
namespace {

std::string claims_text(const Summary& summary) {
  std::string text;
  if (summary.interval) {
    const auto& interval = *summary.interval;
    text += fmt::format(
        "- Interval {} to {}:\n"
        "  the bundle has every leaf of the log from {} to {}, and in each block of that time\n"
        "  every record is shown, or its place is. Nothing is missing there; things are only\n"
        "  hidden.\n",
        event::to_text(interval.from), event::to_text(interval.to), interval.first, interval.last);
  }
  for (const auto& claim : summary.processes) {
    text +=
        fmt::format("- Process {}: its records 1 to {} are all shown{}.\n", to_text(claim.process),
                    claim.last, claim.is_open ? "; it lived on" : ", the last one included");
  }
  if (text.empty())
    text =
        "- It is a sample: what is shown are members of the log, and others may be\n"
        "  withheld.\n";
  return text;
}

std::string hidden_text(const Summary& summary) {
  std::string text = fmt::format(
      "{} other records of the same blocks are withheld; their number and position\n"
      "are proved, their content is not.\n",
      summary.hidden);
  if (!summary.hidden_columns.empty()) {
    text += "Of the shown records these columns are withheld:";
    for (const auto& name : summary.hidden_columns)
      text += " " + name;
    text += ".\nSuch a field reads # and a salted hash, by which it can be shown later.\n";
  }
  text += "Gaps that the shown leaves tell of:";
  if (summary.gaps.empty()) return text + " none.\n";
  text += "\n";
  for (const auto& gap : summary.gaps)
    text += "  " + gap + "\n";
  return text;
}

constexpr std::string_view kLimits =
    R"(What it does not prove

This does not prove that the computer was free of hostile control while it wrote
the records, nor who used it.

 1. What was recorded after somebody took over root or the kernel is his word. He
    can blind the recorder, invent events, stop it. The log then shows that the
    stream stopped, changed, or lost its regular leaves.
 2. An event is not protected from when it happens until its block is sealed (about
    a second), its epoch is closed (about ten) and a witness has it (about a minute).
 3. The seal detects; it does not keep. Only a copy elsewhere survives a wipe.
 4. The owner cannot forge the past once a third party has cosigned it. He could act
    out false events while they were recorded, or run two recorders and choose later.
    Records of routers, providers and other hosts speak to that.
 5. A signature proves that this recorder sealed these bytes, not that the event was
    true, nor who sat at the keyboard.
 6. "No record of X" means only that this recorder, in this configuration and with
    the losses it counted, wrote none.
 7. Erasing keys on solid-state disks and journalling file systems is best effort.
 8. The leaves show how much happened and when, also of what is withheld.
 9. Without a witness or time-stamp authority outside the owner's control nothing
    speaks against the owner; the verifier then says PASS-UNWITNESSED.
10. Whether a court admits it is for the court. A qualified time-stamp brings a legal
    presumption in the EU (Article 41(2) eIDAS); elsewhere it takes an expert.
11. Ed25519 and SHA-256 are not made to resist quantum computers. Time-stamps can be
    renewed over the same tree.
)";

/// In single quotes, as a POSIX shell takes it.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char byte : text)
    out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  return out + "'";
}

/// Shell commands that climb from `hash` along an RFC 6962 path.
std::string climb(const std::vector<seal::Hash>& path, std::uint64_t index, std::uint64_t size) {
  std::string text;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  for (const seal::Hash& sibling : path) {
    const bool is_right = node % 2 == 1 || node == last;
    text += is_right ? fmt::format("hash=$(node {} \"$hash\")\n", sibling.to_base64())
                     : fmt::format("hash=$(node \"$hash\" {})\n", sibling.to_base64());
    while (is_right && node % 2 == 0 && node != 0) {
      node >>= 1;
      last >>= 1;
    }
    node >>= 1;
    last >>= 1;
  }
  return text;
}

/// The committed line as an argument of printf, and before it the commands that
/// compute its fields.
std::string commit_commands(const ShownLine& line, const ColumnChoice& columns) {
  const auto fields = seal::split_fields(line.line);
  const auto& hideable = columns.columns.hideable();
  std::string commands;
  std::string argument;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    argument += i == 0 ? "" : ",";
    const auto place = std::ranges::find(hideable, i);
    const auto k = static_cast<std::size_t>(place - hideable.begin());
    if (place == hideable.end() || line.salts[k + 1].empty()) {
      argument += fields[i];
      continue;
    }
    commands += fmt::format("{}=$(column {} {})\n", columns.names[k],
                            seal::to_base64(line.salts[k + 1]), shell_quoted(fields[i]));
    argument += "\1" + columns.names[k] + "\2";
  }
  std::string text = shell_quoted(argument);
  for (const auto& [mark, instead] : {std::pair("\1", "'\"#$"), {"\2", "\"'"}}) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
      text.replace(at, 1, instead);
  }
  return commands + "committed=" + text + "\n";
}

std::string by_hand(const Summary& summary, const ColumnChoice& columns, const Example& example) {
  const ShownLine& line = example.block.example.front();
  const auto& block = example.block.block;
  const std::uint64_t leaf = example.block.leaf;
  std::string text = fmt::format(
      R"sh(One record by hand

These commands check the first record of records.csv with a POSIX shell, openssl and
coreutils only, in the directory of the bundle. Set `key` to the verification key that
you have from elsewhere.

#--- begin
key=${{key:?the verification key of the log}}
unb64() {{ printf %s "$1" | base64 -d; }}
sha() {{ openssl dgst -sha256 -binary | base64; }}
column() {{ {{ printf 'alibi-column-v1\n'; unb64 "$1"; printf %s "$2"; }} | sha; }}
node() {{ {{ printf '\1'; unb64 "$1"; unb64 "$2"; }} | sha; }}
# the record, with a hash for each field that can be hidden
)sh");
  text += commit_commands(line, columns);
  text += fmt::format(
      R"sh(hash=$({{ printf '\0alibi-line-v1\n'; unb64 {0}; printf '%s\n' "$committed"; }} | sha)
# up to the root of its block: item {1} of {2}
{3}grep -q "^{4},block,.* root=$hash" leaves.csv && echo "the record is in its block"
# up to the root of the log: leaf {4} of {5}
leaf=$(grep '^{4},' leaves.csv)
hash=$({{ printf '\0'; printf '%s\n' "${{leaf#*,}}"; }} | sha)
{6}[ "$(sed -n 3p checkpoint)" = "$hash" ] && echo "the block is in the log"
# the signature of the log
name=${{key%%+*}}
bytes=${{key#*+}}
work=$(mktemp -d)
{{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; unb64 "${{bytes#*+}}" | tail -c 32; }} |
  openssl pkey -pubin -inform DER -out "$work/key"
grep -m 1 "^— $name " checkpoint | sed 's/.* //' | base64 -d | tail -c 64 >"$work/signature"
head -n 3 checkpoint >"$work/text"
openssl pkeyutl -verify -pubin -inkey "$work/key" -rawin -in "$work/text" -sigfile "$work/signature"
rm -r "$work"
#--- end
)sh",
      seal::to_base64(line.salts[0]), line.item, block.items,
      climb(line.path, line.item, block.items), leaf, summary.size,
      climb(example.path, leaf, summary.size));
  return text;
}

}  // namespace

std::string readme(const Summary& summary, const ColumnChoice& columns,
                   const std::optional<Example>& example) {
  std::string text = fmt::format(
      "Disclosure of records of the log {}\n\n"
      "The {} records and {} packets shown are byte-exact members of this log, at its size\n"
      "of {} leaves. When they were sealed, and by whom that is attested, the verifier says.\n\n"
      "What is claimed\n\n{}\nWhat is hidden\n\n{}\n{}\n",
      summary.origin, summary.records, summary.packets, summary.size, claims_text(summary),
      hidden_text(summary), kLimits);
  text +=
      "How to check it\n\n"
      "    alibi verify --key KEY DIRECTORY            or, a second program:\n"
      "    verifier/verify --key KEY DIRECTORY\n\n"
      "KEY is the verification key of the log. It must come from elsewhere: from the\n"
      "printed page of the owner, or from a witness, never out of this bundle. Policies\n"
      "of witnesses and roots of time-stamp authorities are given in the same way. The\n"
      "format is in docs/disclosure-format.md of Alibi.\n\n"
      "    sha256sum -c SHA256SUMS       finds errors of transport, and proves nothing\n\n"
      "The packets as a file that Wireshark opens:\n\n"
      "    tail -n +2 packets.csv | while IFS=, read -r leaf item packet; do\n"
      "      printf %s \"$packet\" | base64 -d; done >packets.pcapng\n\n"
      "proofs/ has the same for single leaves in the format tlog-proof of C2SP.\n";
  if (example) text += "\n" + by_hand(summary, columns, *example);
  return text;
}

}  // namespace alibi::disclose
