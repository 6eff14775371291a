// An EVTX file, through libevtx and the XML it makes. libevtx reads from a file.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/unique_fd.hpp"
#include "import/evtx_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::import;
  const alibi::UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  if (::write(fd.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  const EventSink nothing{.event = [](ForeignEvent&&) {}, .skipped = [](std::string_view) {}};
  (void)read_evtx(path, nothing, [](std::uint64_t, std::uint64_t) {});
  return 0;
}
