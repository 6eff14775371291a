// Any text as a list of mounts and as the path of a control group.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "recorder/cgroup_paths.hpp"
#include "recorder/container_id.hpp"

using namespace alibi::recorder;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto container = find_container(text);
  ALIBI_CHECK(!container || !container->id.empty());
  const auto mount = find_cgroup_mount(text, "");
  ALIBI_CHECK(!mount || mount->directory.size() <= size);
  (void)find_cgroup_mount(text, "memory");
  return 0;
}
