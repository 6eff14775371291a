// Files of age recipients: whatever is taken can be encrypted for.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "seal/age_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::seal;
  const auto recipients = parse_recipients({reinterpret_cast<const char*>(data), size});
  if (!recipients || recipients->empty()) return 0;
  std::string out;
  auto writer = AgeWriter::begin(*recipients, out);
  if (!writer) std::abort();
  writer->finish(out);
  return 0;
}
