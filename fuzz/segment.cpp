// Any bytes as the files of a segment. The first byte says as which:
//   0  as a packed file; 1  as a packed file and its index (the next two bytes:
//   length of the index); 2  as text, packed here; 3  as an open segment.
// The reader must survive, and must give the same records in both directions.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "store/layout.hpp"
#include "store/log_reader.hpp"
#include "store/packed_file.hpp"
#include "store/survey.hpp"

namespace {

using namespace alibi::store;

/// Lives as long as the fuzzer.
class Scratch {
 public:
  Scratch() {
    std::string name =
        (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/alibi_fuzz_XXXXXX");
    layout_.directory = layout_.content = ::mkdtemp(name.data());
    std::filesystem::create_directories(layout_.events());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(layout_.directory, ignored);
  }
  void clear() const {
    for (const auto& path : {layout_.csv(1), layout_.packed(1), layout_.index(1)})
      ::unlink(path.c_str());
  }
  [[nodiscard]] const Layout& layout() const { return layout_; }

 private:
  Layout layout_;
};

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void make_files(const Layout& layout, unsigned as, std::string_view bytes) {
  switch (as) {
    case 0: return write(layout.packed(1), bytes);
    case 1: {
      if (bytes.size() < 2) return;
      const auto wanted = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                                   static_cast<unsigned char>(bytes[1]));
      const std::size_t length = std::min(wanted, bytes.size() - 2);
      write(layout.index(1), bytes.substr(2, length));
      return write(layout.packed(1), bytes.substr(2 + length));
    }
    case 2: return write(layout.packed(1), pack_frame(bytes, 1).value());
    default: return write(layout.csv(1), bytes);
  }
}

std::vector<std::uint64_t> read(const Layout& layout, const Hints& hints, Order order) {
  std::vector<std::uint64_t> seqs;
  const auto reader = LogReader::open(layout.directory);
  ALIBI_CHECK(reader.has_value());
  (void)(*reader)->scan(hints, order, [&](const BootRecord& entry) {
    seqs.push_back(entry.record.seq);
    return LogReader::Go::On;
  });
  return seqs;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  if (size == 0) return 0;
  scratch.clear();
  const unsigned as = data[0] % 4;
  make_files(scratch.layout(), as, {reinterpret_cast<const char*>(data) + 1, size - 1});
  const auto forward = read(scratch.layout(), {}, Order::OldestFirst);
  auto backward = read(scratch.layout(), {}, Order::NewestFirst);
  std::ranges::reverse(backward);
  ALIBI_CHECK(forward == backward);
  (void)read(scratch.layout(), {.all_of = {"pid:42", "kind:exec"}}, Order::OldestFirst);
  if (as == 3) (void)survey_segment(real_disk(), scratch.layout(), 1, {});
  if (as < 3) (void)last_record_of(real_disk(), scratch.layout(), 1);
  return 0;
}
