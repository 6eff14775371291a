#include "witness/add_checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace alibi::witness {
namespace {

/// A checkpoint of no leaves.
constexpr std::string_view kAnyText = "x\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

/// The next line without its LF; nothing where no LF is left.
std::optional<std::string_view> next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      (text.front() == '0' && text.size() > 1) || value > INT64_MAX)
    return std::nullopt;
  return value;
}

}  // namespace

std::string AddCheckpoint::to_text() const {
  std::string text = fmt::format("old {}\n", old_size);
  for (const seal::Hash& hash : proof)
    text += hash.to_base64() + "\n";
  return text + "\n" + note.to_text();
}

Result<AddCheckpoint> AddCheckpoint::from_text(std::string_view text) {
  if (text.size() > kRequestBytesMax) return fail(Errc::Corrupt, "request is too long");
  AddCheckpoint request;
  const auto first = next_line(text);
  const auto old_size =
      first && first->starts_with("old ") ? parse_decimal(first->substr(4)) : std::nullopt;
  if (!old_size) return fail(Errc::Corrupt, "the first line must be 'old SIZE'");
  request.old_size = *old_size;
  while (true) {
    const auto line = next_line(text);
    if (!line) return fail(Errc::Corrupt, "no empty line after the proof");
    if (line->empty()) break;
    if (request.proof.size() >= kProofLinesMax)
      return fail(Errc::Corrupt, fmt::format("more than {} lines of proof", kProofLinesMax));
    const auto hash = seal::Hash::from_base64(*line);
    if (!hash) return fail(Errc::Corrupt, "a line of the proof is no hash in base64");
    request.proof.push_back(*hash);
  }
  auto note = seal::parse_note(text);
  if (!note) return std::unexpected(note.error());
  request.note = std::move(*note);
  return request;
}

Result<std::vector<seal::NoteSignature>> parse_signature_lines(std::string_view text) {
  if (text.empty() || text.size() > kReplyBytesMax)
    return fail(Errc::Corrupt, "no signature lines");
  // The same strict reading as everywhere: behind a text that cannot be mistaken.
  auto note = seal::parse_note(std::string(kAnyText) + "\n" + std::string(text));
  if (!note || note->text != kAnyText) return fail(Errc::Corrupt, "not signature lines");
  return std::move(note->signatures);
}

Result<std::uint64_t> parse_size_line(std::string_view text) {
  const auto size =
      text.ends_with('\n') ? parse_decimal(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!size) return fail(Errc::Corrupt, "not a size");
  return *size;
}

}  // namespace alibi::witness
