#include "import/line_reader.hpp"

#include <fcntl.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <string>

#include "base/unique_fd.hpp"

namespace alibi::import {
namespace {

constexpr std::size_t kChunkBytes = 256U << 10;
constexpr int kGzipWindow = 15 + 16;  // the largest window, with gzip's header

/// Bytes behind a compression, in chunks.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  /// Appends what `packed` unfolds to. Errors: Corrupt.
  virtual Status add(std::string_view packed, std::string& out) = 0;
  /// The file is over. Errors: Corrupt, when it was cut.
  virtual Status finish() = 0;
};

class Plain final : public Unpacker {
 public:
  Status add(std::string_view packed, std::string& out) override {
    out.append(packed);
    return {};
  }
  Status finish() override { return {}; }
};

class Gzip final : public Unpacker {
 public:
  Gzip() { is_ready_ = inflateInit2(&stream_, kGzipWindow) == Z_OK; }
  ~Gzip() override {
    if (is_ready_) inflateEnd(&stream_);
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  Status add(std::string_view packed, std::string& out) override {
    if (!is_ready_) return fail(Errc::Internal, "zlib does not start");
    // zlib takes a non-const pointer but does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (stream_.avail_in > 0) {
      // A file may be several gzip members, one after the other.
      if (is_over_ && inflateReset(&stream_) != Z_OK)
        return fail(Errc::Internal, "zlib does not start again");
      is_over_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return fail(Errc::Corrupt, "the gzip data is damaged");
      out.append(buffer_.data(), buffer_.size() - stream_.avail_out);
      is_over_ = code == Z_STREAM_END;
    }
    return {};
  }
  Status finish() override {
    return is_over_ ? Status{} : fail(Errc::Corrupt, "the gzip data ends too early");
  }

 private:
  z_stream stream_{};
  bool is_ready_ = false;
  bool is_over_ = false;
  std::array<char, kChunkBytes> buffer_{};
};

class Zstd final : public Unpacker {
 public:
  Status add(std::string_view packed, std::string& out) override {
    if (!stream_) return fail(Errc::Internal, "zstd does not start");
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    while (in.pos < in.size) {
      ZSTD_outBuffer to{buffer_.data(), buffer_.size(), 0};
      left_ = ZSTD_decompressStream(stream_.get(), &to, &in);
      if (ZSTD_isError(left_)) return fail(Errc::Corrupt, "the zstd data is damaged");
      out.append(buffer_.data(), to.pos);
    }
    return {};
  }
  Status finish() override {
    return left_ == 0 ? Status{} : fail(Errc::Corrupt, "the zstd data ends too early");
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  std::size_t left_ = 0;
  std::array<char, kChunkBytes> buffer_{};
};

std::unique_ptr<Unpacker> unpacker_for(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return std::make_unique<Gzip>();
  if (head.starts_with("\x28\xb5\x2f\xfd")) return std::make_unique<Zstd>();
  return std::make_unique<Plain>();
}

class FileLines final : public LineReader {
 public:
  FileLines(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Result<std::optional<std::string_view>> next() override;
  [[nodiscard]] std::uint64_t bytes_read() const override { return bytes_read_; }
  [[nodiscard]] std::uint64_t lines_too_long() const override { return too_long_; }

 private:
  Status fill();

  UniqueFd fd_;
  std::string name_;
  std::unique_ptr<Unpacker> unpacker_;
  std::string text_;  ///< unpacked, from `begin_` on not yet given out
  std::size_t begin_ = 0;
  bool is_over_ = false;
  bool skips_line_ = false;  ///< inside a line that is too long
  std::uint64_t bytes_read_ = 0;
  std::uint64_t too_long_ = 0;
  std::array<char, kChunkBytes> chunk_{};
};

Status FileLines::fill() {
  text_.erase(0, begin_);
  begin_ = 0;
  const ssize_t count = ::read(fd_.get(), chunk_.data(), chunk_.size());
  if (count < 0) return fail_errno(errno, "read " + name_);
  const std::string_view packed(chunk_.data(), static_cast<std::size_t>(count));
  if (!unpacker_) unpacker_ = unpacker_for(packed);
  if (count == 0) {
    is_over_ = true;
    auto done = unpacker_->finish();
    return done || bytes_read_ == 0 ? Status{} : during(name_, done.error());
  }
  bytes_read_ += packed.size();
  if (auto done = unpacker_->add(packed, text_); !done) {
    is_over_ = true;
    return during(name_, done.error());
  }
  return {};
}

Result<std::optional<std::string_view>> FileLines::next() {
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = text_.find('\n', searched);
    if (end != std::string::npos) {
      const std::string_view line(text_.data() + begin_, end - begin_);
      begin_ = end + 1;
      searched = begin_;
      if (!skips_line_) return line;
      skips_line_ = false;
      continue;
    }
    if (text_.size() - begin_ > kMaxLineBytes) {
      if (!skips_line_) ++too_long_;
      skips_line_ = true;
      begin_ = text_.size();
    }
    if (is_over_) {
      if (begin_ == text_.size() || skips_line_) return std::nullopt;
      const std::string_view line(text_.data() + begin_, text_.size() - begin_);
      begin_ = text_.size();
      return line;
    }
    const std::size_t waiting = text_.size() - begin_;
    if (auto done = fill(); !done) return std::unexpected(done.error());
    searched = waiting;
  }
}

}  // namespace

Result<std::unique_ptr<LineReader>> LineReader::open(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail_errno(errno, "open " + file.string());
  return std::make_unique<FileLines>(std::move(fd), file.string());
}

}  // namespace alibi::import
