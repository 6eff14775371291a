// Leaves of the log: what is read is written back byte for byte.

#include "seal/leaf.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::seal;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto leaf = Leaf::from_line(line);
  if (!leaf) return 0;
  if (leaf->to_line() != line) std::abort();
  if (leaf->type == LeafType::Block && !BlockLeaf::from_leaf(*leaf)) std::abort();
  return 0;
}
