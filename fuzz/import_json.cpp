// A line of a collector's JSON: with it the XML and audit text inside, and what
// the events mean.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "import/host_log.hpp"
#include "import/json_event.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::import;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  HostLog host("host");
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
    const auto event = parse_json_event(line);
    if (!event) continue;
    if (auto draft = make_draft(*event)) host.add(std::move(*draft));
  }
  (void)host.finish();
  return 0;
}
