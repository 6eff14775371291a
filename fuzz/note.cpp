// Notes, checkpoints and keys: what is read is written back byte for byte.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "seal/note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::seal;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto note = parse_note(bytes)) {
    if (note->to_text() != bytes) std::abort();
    const auto checkpoint = Checkpoint::from_text(note->text);
    if (checkpoint && checkpoint->to_text() != note->text) std::abort();
  }
  std::size_t used = 0;
  std::string again;
  for (const auto& note : parse_notes(bytes, used))
    again += note.to_text();
  if (again != bytes.substr(0, used)) std::abort();
  if (const auto key = VerificationKey::from_text(bytes)) {
    if (key->to_text() != bytes) std::abort();
  }
  (void)SigningKey::from_text(bytes);
  return 0;
}
