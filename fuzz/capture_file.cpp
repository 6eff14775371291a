// Capture files: pcap and pcapng, plain, gzip and zstd, and the processes in them.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "packet/capture_reader.hpp"
#include "packet/headers.hpp"
#include "packet/process_lookup.hpp"

namespace {

/// So many packets end the reading of one input: packed bytes may be very many.
constexpr int kPacketsMax = 10'000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::packet;
  static const int file = ::memfd_create("capture", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size))
    return -1;
  for (const auto source : {CaptureReader::Source::Whole, CaptureReader::Source::Growing}) {
    const auto reader = CaptureReader::open(path, source);
    if (!reader) continue;
    ProcessLookup processes;
    for (int i = 0; i < kPacketsMax; ++i) {
      const auto packet = (*reader)->next();
      if (!packet || !*packet) break;
      (void)(*reader)->interfaces().at((*packet)->interface);
      (void)processes.find(**reader, **packet);
      (void)decode_headers(**packet);
    }
  }
  return 0;
}
