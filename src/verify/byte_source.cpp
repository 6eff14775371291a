#include "verify/byte_source.hpp"

#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <vector>

namespace alibi::verify {
namespace {

constexpr std::size_t kWindowBytes = 256U << 10;
constexpr int kWindowLogMax = 27;

class FileSource : public ByteSource {
 public:
  FileSource(OpenFile file, Progress& progress) : file_(std::move(file)), progress_(progress) {}

  Result<std::size_t> read(std::span<char> to) override {
    ssize_t got = 0;
    do {
      got = ::read(file_.fd.get(), to.data(), to.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail_errno(errno, "read");
    progress_.done_bytes += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

 private:
  OpenFile file_;
  Progress& progress_;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(ByteSource& below)
      : below_(below), stream_(::ZSTD_createDStream()), packed_(kWindowBytes) {
    ::ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

  Result<std::size_t> read(std::span<char> to) override {
    if (has_failed_) return fail(Errc::Corrupt, "it does not unpack");
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !is_full_) {
        const auto got = below_.read(packed_);
        if (!got) return std::unexpected(got.error());
        if (*got == 0)
          return is_within_frame_ ? failed("it ends within a frame") : Result<std::size_t>(0);
        in_ = {packed_.data(), *got, 0};
      }
      const std::size_t hint = ::ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (::ZSTD_isError(hint)) return failed(::ZSTD_getErrorName(hint));
      is_within_frame_ = hint != 0;
      is_full_ = hint != 0 && out.pos == out.size;  // more may wait inside
    }
    return out.pos;
  }

 private:
  Result<std::size_t> failed(const std::string& why) {
    has_failed_ = true;
    return fail(Errc::Corrupt, "it does not unpack: " + why);
  }

  struct Free {
    void operator()(ZSTD_DStream* stream) const { ::ZSTD_freeDStream(stream); }
  };
  ByteSource& below_;
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  std::vector<char> packed_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool is_full_ = false;
  bool is_within_frame_ = false;
  bool has_failed_ = false;
};

}  // namespace

Result<std::size_t> HashedSource::read(std::span<char> to) {
  auto got = below_.read(to);
  if (got) {
    sha_.add({to.data(), *got});
    bytes_ += *got;
  }
  return got;
}

Result<std::optional<seal::Hash>> HashedSource::finish(std::uint64_t limit) {
  std::vector<char> window(kWindowBytes);
  for (std::uint64_t done = 0; done <= limit;) {
    const auto got = read(window);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return sha_.finish();
    done += *got;
  }
  return std::nullopt;
}

std::unique_ptr<ByteSource> file_source(OpenFile file, Progress& progress) {
  return std::make_unique<FileSource>(std::move(file), progress);
}

std::unique_ptr<ByteSource> zstd_source(ByteSource& below) {
  return std::make_unique<ZstdSource>(below);
}

Result<std::size_t> read_fully(ByteSource& source, std::span<char> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto got = source.read(to.subspan(done));
    if (!got) return got;
    if (*got == 0) break;
    done += *got;
  }
  return done;
}

}  // namespace alibi::verify
