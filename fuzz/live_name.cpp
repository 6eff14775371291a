// Any text as the name of a file in live/. What is taken has that name and no other, so
// that what was listed is also what is opened and removed.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "store/layout.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::store;
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  if (const auto live = parse_live_name(name))
    ALIBI_CHECK(Layout{}.live(live->stream, live->segment, live->block).filename() == name);
  return 0;
}
