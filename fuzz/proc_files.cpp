// Any bytes as a file of /proc/PID, where names and arguments are what a program chose.
// The first byte says which file; the others are as usual.

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "recorder/snapshot_proc.hpp"
#include "recorder/tls_library.hpp"

namespace {

using namespace alibi::recorder;

struct File {
  const char* name;
  std::string_view usual;
};
constexpr std::array<File, 5> kFiles{{
    {"stat", "7 (sh) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n"},
    {"status", "Name:\tsh\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"},
    {"cmdline", {"sh\0-c\0true\0", 11}},
    {"cgroup", "0::/user.slice\n"},
    {"loginuid", "1000"},
}};

/// Lives as long as the fuzzer.
class Scratch {
 public:
  Scratch() {
    std::string name =
        (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/alibi_fuzz_XXXXXX");
    root_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(root_ / "7");
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  void put(std::size_t changed, std::string_view bytes) const {
    for (std::size_t k = 0; k < kFiles.size(); ++k)
      std::ofstream(root_ / "7" / kFiles[k].name, std::ios::binary)
          << (k == changed ? bytes : kFiles[k].usual);
  }
  [[nodiscard]] std::string root() const { return root_; }

 private:
  std::filesystem::path root_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t changed = data[0] % (kFiles.size() + 1);
  if (changed == kFiles.size()) {
    const auto file = read_mapping(bytes);
    ALIBI_CHECK(!file || (file->path.starts_with('/') && file->path.size() <= bytes.size()));
    return 0;
  }
  scratch.put(changed, bytes);
  const auto process = read_process(7, scratch.root());
  ALIBI_CHECK(process || changed == 0);
  if (!process) return 0;
  std::size_t argument_bytes = 0;
  for (const auto& argument : process->args)
    argument_bytes += argument.size();
  ALIBI_CHECK(argument_bytes <= kMaxCommandLineBytes);
  return 0;
}
