#include "seal/note.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"
#include "event/number.hpp"
#include "seal/bytes.hpp"
#include "seal/utf8.hpp"

namespace alibi::seal {
namespace {

constexpr std::string_view kSignatureMark = "\xe2\x80\x94 ";  // U+2014, space
constexpr std::size_t kTextLines = 3;
constexpr std::size_t kSignatureBytes = 64;

std::unexpected<Error> bad(std::string_view what) {
  return fail(Errc::Corrupt, "note: " + std::string(what));
}

/// Takes the first line, LF included; empty when there is no whole one.
std::string_view take_line(std::string_view& bytes) {
  const auto line = bytes.substr(0, bytes.find('\n') + 1);
  bytes.remove_prefix(line.size());
  return line;
}

Result<NoteSignature> parse_signature(std::string_view line) {
  line.remove_prefix(kSignatureMark.size());
  line.remove_suffix(1);
  const auto space = line.find(' ');
  if (space == std::string_view::npos || !is_key_name(line.substr(0, space)))
    return bad("a signature line has no name of a key");
  const auto bytes = from_base64(line.substr(space + 1));
  if (!bytes || bytes->size() < 5) return bad("a signature is not canonical base64, or too short");
  NoteSignature signature{.name = std::string(line.substr(0, space)), .bytes = bytes->substr(4)};
  for (std::size_t i = 0; i < 4; ++i)
    signature.key_hash = signature.key_hash << 8 | static_cast<unsigned char>((*bytes)[i]);
  return signature;
}

/// The bytes of the note at the head of `bytes`: three lines, an empty one, and
/// the signature lines. Empty when they are not all there.
std::string_view find_note(std::string_view bytes) {
  std::string_view rest = bytes;
  for (std::size_t i = 0; i < kTextLines; ++i) {
    if (take_line(rest).size() < 2) return {};
  }
  if (take_line(rest) != "\n") return {};
  std::size_t signatures = 0;
  while (rest.starts_with(kSignatureMark)) {
    if (take_line(rest).empty()) return {};  // torn
    ++signatures;
  }
  if (signatures == 0 || (!rest.empty() && kSignatureMark.starts_with(rest))) return {};
  return bytes.substr(0, bytes.size() - rest.size());
}

std::string cosigned_message(std::string_view text, std::uint64_t time_s) {
  std::string message = "cosignature/v1\ntime ";
  event::append_number(message, time_s);
  message.append("\n").append(text);
  return message;
}

/// The time of a cosignature line by `key`; empty when the line is wrong.
std::optional<std::uint64_t> time_of(const Note& note, const NoteSignature& signature,
                                     const VerificationKey& key) {
  constexpr std::size_t kTimeBytes = 8;
  if (signature.bytes.size() != kTimeBytes + kSignatureBytes) return std::nullopt;
  std::uint64_t time_s = 0;
  for (std::size_t i = 0; i < kTimeBytes; ++i)
    time_s = time_s << 8 | static_cast<unsigned char>(signature.bytes[i]);
  if (time_s > std::numeric_limits<std::int64_t>::max() ||
      !key.verifies(cosigned_message(note.text, time_s),
                    std::string_view(signature.bytes).substr(kTimeBytes)))
    return std::nullopt;
  return time_s;
}

}  // namespace

std::string NoteSignature::to_line() const {
  std::string all;
  append_u32be(all, key_hash);
  all += bytes;
  return std::string(kSignatureMark) + name + " " + to_base64(all) + "\n";
}

std::string Note::to_text() const {
  std::string bytes = text + "\n";
  for (const auto& signature : signatures)
    bytes += signature.to_line();
  return bytes;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) return bad("larger than 64 KiB");
  if (!is_utf8(bytes) || std::ranges::any_of(bytes, [](char byte) {
        return static_cast<unsigned char>(byte) < 0x20 && byte != '\n';
      }))
    return bad("it is not UTF-8, or has control bytes");
  if (bytes.empty() || find_note(bytes).size() != bytes.size())
    return bad("it is not three lines, an empty line and signature lines");
  Note note;
  const auto end = bytes.find("\n\n");
  note.text = bytes.substr(0, end + 1);
  bytes.remove_prefix(end + 2);
  while (!bytes.empty()) {
    auto signature = parse_signature(take_line(bytes));
    if (!signature) return std::unexpected(signature.error());
    note.signatures.push_back(std::move(*signature));
  }
  if (note.signatures.size() > kNoteSignaturesMax) return bad("more than 16 signature lines");
  return note;
}

std::vector<Note> parse_notes(std::string_view bytes, std::size_t& used) {
  std::vector<Note> notes;
  used = 0;
  while (used < bytes.size()) {
    const auto one = find_note(bytes.substr(used));
    auto note = parse_note(one);
    if (!note) break;
    notes.push_back(std::move(*note));
    used += one.size();
  }
  return notes;
}

std::string Checkpoint::to_text() const {
  return origin + "\n" + std::to_string(size) + "\n" + root.to_base64() + "\n";
}

Result<Checkpoint> Checkpoint::from_text(std::string_view text) {
  Checkpoint checkpoint;
  const auto origin = take_line(text);
  const auto size_line = take_line(text);
  const auto root_line = take_line(text);
  if (root_line.empty() || !text.empty())
    return fail(Errc::Corrupt, "checkpoint: it is not exactly origin, size and root");
  const auto size = event::parse_number<std::uint64_t>(size_line.substr(0, size_line.size() - 1));
  const auto root = Hash::from_base64(root_line.substr(0, root_line.size() - 1));
  if (origin.size() < 2) return fail(Errc::Corrupt, "checkpoint: the origin is empty");
  if (!size || *size > std::numeric_limits<std::int64_t>::max())
    return fail(Errc::Corrupt, "checkpoint: the size is no number as it must be written");
  if (!root) return fail(Errc::Corrupt, "checkpoint: the root is not 32 bytes in canonical base64");
  checkpoint.origin = origin.substr(0, origin.size() - 1);
  checkpoint.size = *size;
  checkpoint.root = *root;
  return checkpoint;
}

NoteSignature sign_note(const SigningKey& key, std::string_view text) {
  ALIBI_CHECK(key.verification_key().type == SignatureType::Ed25519);
  return {.name = key.verification_key().name,
          .key_hash = key.verification_key().hash(),
          .bytes = key.sign(text)};
}

NoteSignature cosign_note(const SigningKey& key, std::string_view text, std::uint64_t time_s) {
  ALIBI_CHECK(key.verification_key().type == SignatureType::Cosignature);
  NoteSignature signature{.name = key.verification_key().name,
                          .key_hash = key.verification_key().hash()};
  append_u64be(signature.bytes, time_s);
  signature.bytes += key.sign(cosigned_message(text, time_s));
  return signature;
}

Signed check_signature(const Note& note, const VerificationKey& key) {
  auto result = Signed::No;
  const auto hash = key.hash();
  for (const auto& signature : note.signatures) {
    if (signature.name != key.name || signature.key_hash != hash) continue;
    const bool is_right = key.type == SignatureType::Ed25519
                              ? key.verifies(note.text, signature.bytes)
                              : time_of(note, signature, key).has_value();
    if (!is_right) return Signed::Wrong;
    result = Signed::Yes;
  }
  return result;
}

std::optional<std::uint64_t> cosigned_at(const Note& note, const VerificationKey& key) {
  if (key.type != SignatureType::Cosignature || check_signature(note, key) != Signed::Yes)
    return std::nullopt;
  std::optional<std::uint64_t> earliest;
  const auto hash = key.hash();
  for (const auto& signature : note.signatures) {
    if (signature.name != key.name || signature.key_hash != hash) continue;
    const auto time_s = time_of(note, signature, key);
    if (time_s && (!earliest || *time_s < *earliest)) earliest = time_s;
  }
  return earliest;
}

}  // namespace alibi::seal
