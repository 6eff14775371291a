#include "packet/input.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/unique_fd.hpp"
#include "packet/byte_order.hpp"

namespace alibi::packet {
namespace {

constexpr std::size_t kChunkBytes = 64 << 10;
/// Frames that ask for a larger window are refused; zstd's own tool writes at
/// most this without --ultra and --long.
constexpr int kWindowLogMax = 27;

class PlainInput : public Input {
 public:
  explicit PlainInput(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<std::size_t> read(std::span<std::byte> to) override {
    if (ahead_begin_ < ahead_end_) {
      const std::size_t bytes = std::min(to.size(), ahead_end_ - ahead_begin_);
      std::memcpy(to.data(), ahead_.data() + ahead_begin_, bytes);
      ahead_begin_ += bytes;
      return bytes;
    }
    return read_file(to);
  }

  /// The first bytes, which read() will give again.
  Result<std::span<const std::byte>> look_ahead() {
    while (ahead_end_ < ahead_.size()) {
      const auto got = read_file(std::span(ahead_).subspan(ahead_end_));
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      ahead_end_ += *got;
    }
    return std::span<const std::byte>(ahead_).first(ahead_end_);
  }

 private:
  Result<std::size_t> read_file(std::span<std::byte> to) {
    for (;;) {
      const ssize_t got = ::read(fd_.get(), to.data(), to.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return fail_errno(errno, "read");
    }
  }

  UniqueFd fd_;
  std::array<std::byte, 4> ahead_{};
  std::size_t ahead_begin_ = 0;
  std::size_t ahead_end_ = 0;
};

/// What both unpackers share: packed bytes come in chunks.
class PackedInput : public Input {
 public:
  explicit PackedInput(std::unique_ptr<PlainInput> from) : from_(std::move(from)) {}

  Result<std::size_t> read(std::span<std::byte> to) override {
    while (!to.empty()) {
      if (begin_ == end_ && !has_ended_) {
        const auto got = from_->read(chunk_);
        if (!got) return got;
        begin_ = 0;
        end_ = *got;
        has_ended_ = *got == 0;
      }
      const std::size_t before = begin_;
      const auto made = unpack(to);
      if (!made || *made > 0) return made;
      if (has_ended_) return is_between() ? Result<std::size_t>(0) : cut();
      if (before == begin_ && begin_ != end_)
        return fail(Errc::Corrupt, "the packed data makes no progress");
    }
    return 0;
  }

 protected:
  /// Takes from packed(), by taken(); gives the number of bytes made.
  virtual Result<std::size_t> unpack(std::span<std::byte> to) = 0;
  /// True where the file may end.
  [[nodiscard]] virtual bool is_between() const = 0;

  [[nodiscard]] std::span<const std::byte> packed() const {
    return std::span<const std::byte>(chunk_).subspan(begin_, end_ - begin_);
  }
  void taken(std::size_t bytes) { begin_ += bytes; }

 private:
  static Result<std::size_t> cut() {
    return fail(Errc::Corrupt, "the packed data ends before it is complete");
  }

  std::unique_ptr<PlainInput> from_;
  std::array<std::byte, kChunkBytes> chunk_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool has_ended_ = false;
};

class GzipInput : public PackedInput {
 public:
  explicit GzipInput(std::unique_ptr<PlainInput> from) : PackedInput(std::move(from)) {
    is_ready_ = ::inflateInit2(&stream_, MAX_WBITS + 16) == Z_OK;
  }
  ~GzipInput() override {
    if (is_ready_) ::inflateEnd(&stream_);
  }
  GzipInput(const GzipInput&) = delete;
  GzipInput& operator=(const GzipInput&) = delete;

 private:
  Result<std::size_t> unpack(std::span<std::byte> to) override {
    if (!is_ready_) return fail(Errc::Internal, "zlib cannot start");
    if (packed().empty() && is_between_) return 0;
    if (is_between_) ::inflateReset(&stream_);  // members follow each other
    is_between_ = false;
    const auto in = packed();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(to.data());
    stream_.avail_out = static_cast<uInt>(std::min(to.size(), kChunkBytes));
    const uInt room = stream_.avail_out;
    const int state = ::inflate(&stream_, Z_NO_FLUSH);
    taken(in.size() - stream_.avail_in);
    if (state == Z_STREAM_END) {
      is_between_ = true;
    } else if (state != Z_OK && state != Z_BUF_ERROR) {
      return fail(Errc::Corrupt, std::string("gzip: ") + (stream_.msg ? stream_.msg : "bad data"));
    }
    return std::size_t{room - stream_.avail_out};
  }
  [[nodiscard]] bool is_between() const override { return is_between_; }

  z_stream stream_{};
  bool is_ready_ = false;
  bool is_between_ = false;
};

class ZstdInput : public PackedInput {
 public:
  explicit ZstdInput(std::unique_ptr<PlainInput> from)
      : PackedInput(std::move(from)), stream_(::ZSTD_createDStream(), &::ZSTD_freeDStream) {
    if (stream_) ::ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

 private:
  Result<std::size_t> unpack(std::span<std::byte> to) override {
    if (!stream_) return fail(Errc::Internal, "zstd cannot start");
    if (packed().empty() && is_between_) return 0;
    ZSTD_inBuffer in{packed().data(), packed().size(), 0};
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    const std::size_t state = ::ZSTD_decompressStream(stream_.get(), &out, &in);
    taken(in.pos);
    if (::ZSTD_isError(state))
      return fail(Errc::Corrupt, std::string("zstd: ") + ::ZSTD_getErrorName(state));
    is_between_ = state == 0;
    return out.pos;
  }
  [[nodiscard]] bool is_between() const override { return is_between_; }

  std::unique_ptr<ZSTD_DStream, decltype(&::ZSTD_freeDStream)> stream_;
  bool is_between_ = false;
};

Result<UniqueFd> open_file(const std::filesystem::path& file) {
  const int fd = file == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail_errno(errno, "open " + file.string());
  return UniqueFd(fd);
}

}  // namespace

Result<std::unique_ptr<Input>> Input::open(const std::filesystem::path& file, std::uint64_t from) {
  auto fd = open_file(file);
  if (!fd) return std::unexpected(fd.error());
  if (from != 0 && ::lseek(fd->get(), static_cast<off_t>(from), SEEK_SET) < 0)
    return fail_errno(errno, "seek in " + file.string());
  auto plain = std::make_unique<PlainInput>(std::move(*fd));
  const auto first = plain->look_ahead();
  if (!first) return during(file.string(), first.error());
  const auto magic = read_number<std::uint32_t>(*first, 0, std::endian::little).value_or(0);
  if ((magic & 0xffff) == 0x8b1f) return std::make_unique<GzipInput>(std::move(plain));
  if (magic == ZSTD_MAGICNUMBER || (magic & 0xfffffff0U) == ZSTD_MAGIC_SKIPPABLE_START)
    return std::make_unique<ZstdInput>(std::move(plain));
  return plain;
}

}  // namespace alibi::packet
