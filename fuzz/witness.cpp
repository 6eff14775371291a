// Any bytes as what strangers send to a witness and to its client, and as the files a
// witness remembers in. What is read must print as what was read.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "seal/signing_key.hpp"
#include "witness/add_checkpoint.hpp"
#include "witness/history_text.hpp"
#include "witness/time_stamp.hpp"
#include "witness/witness.hpp"

namespace {

using namespace alibi;

void read_request(std::string_view bytes) {
  if (const auto request = witness::AddCheckpoint::from_text(bytes)) {
    ALIBI_CHECK(request->proof.size() <= witness::kProofLinesMax);
    ALIBI_CHECK(request->to_text() == bytes);
  }
  if (const auto lines = witness::parse_signature_lines(bytes)) {
    std::string text;
    for (const auto& line : *lines)
      text += line.to_line();
    ALIBI_CHECK(text == bytes);
  }
  if (const auto size = witness::parse_size_line(bytes))
    ALIBI_CHECK(std::to_string(*size) + "\n" == bytes);
}

void read_files(std::string_view bytes) {
  std::size_t used = 0;
  const auto end = witness::read_history(
      bytes, used, [](const witness::Position&, const witness::Entry*) { return Status{}; });
  if (end) ALIBI_CHECK(used > 0 && used <= bytes.size());
  static const auto key =
      seal::SigningKey::from_seed("w", seal::SignatureType::Cosignature, std::string(32, 'k'));
  if (const auto state = witness::parse_state(bytes, key.verification_key()))
    ALIBI_CHECK(witness::print_state(*state, key) == bytes);
  if (const auto logs = witness::parse_logs(bytes)) {
    for (const auto& log : *logs)
      ALIBI_CHECK(seal::VerificationKey::from_text(log.to_text()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_request(bytes);
  read_files(bytes);
  static const auto question = witness::StampQuestion::about("x\n");
  ALIBI_CHECK(question && !question->check(bytes, ""));  // its nonce cannot be guessed
  return 0;
}
