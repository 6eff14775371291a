#pragma once
// SHA-256 and owning package of executables, once per file content, off the hot
// path.
//
//   submit() -> opener thread: opens the image while the process may still run
//            -> hasher thread: idle CPU and disk priority
//            -> take_results()
//
// Never the wrong file: the opened image must be the one that was executed. It
// is opened through /proc/PID/exe, which also works for deleted programs and
// memfds; where the process is gone, by path, and then every part of the
// identity must match. Otherwise the result says so.
//
// submit and take_results belong to one thread and never block. The opener can
// block on a remote file system; what does not fit into the queue meanwhile is
// refused and counted.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "event/process_key.hpp"
#include "recorder/file_digest.hpp"

namespace alibi::recorder {

/// An exec, as the kernel reported it.
struct ImageExec {
  event::ProcessKey process;
  FileIdentity identity;
  std::string path;  ///< resolved, from the root of the process
};

enum class ImageStatus : std::uint8_t {
  Hashed,
  Gone,        ///< process ended and the path no longer leads to that file
  Changed,     ///< the file was modified while it was read
  Unreadable,  ///< an error of the file system, or larger than kMaxDigestBytes
};

[[nodiscard]] std::string_view to_text(ImageStatus status);

struct ImageResult {
  ImageStatus status = ImageStatus::Gone;
  ImageExec exec;       ///< the first exec of this content
  std::string sha256;   ///< lower-case hexadecimal; empty unless Hashed
  std::string package;  ///< empty: none, or not a file of the host's own root
  std::string version;
  std::string error;  ///< for people, where Unreadable
};

class ImageInspector {
 public:
  struct Limits {
    std::size_t remembered_files = 8192;  ///< least recently executed is forgotten
    std::string package_database = "/var/lib/dpkg";
  };

  /// Errors: Usage, Io.
  [[nodiscard]] static Result<ImageInspector> open(Limits limits);
  /// Starts the two threads, with the privileges of the caller. What was
  /// submitted before waits for them.
  void start();

  ImageInspector(ImageInspector&&) noexcept;
  ImageInspector& operator=(ImageInspector&&) noexcept;
  /// Ends the threads; waits for at most one chunk of reading. Results not yet
  /// taken are dropped.
  ~ImageInspector();

  enum class Submitted : std::uint8_t {
    Queued,     ///< one result will come
    Known,      ///< this content was queued or hashed before: nothing will come
    Overflown,  ///< no room: nothing will come, the next exec of it tries again
  };
  Submitted submit(const ImageExec& exec);

  /// Readable when results wait.
  [[nodiscard]] int poll_fd() const;
  [[nodiscard]] std::vector<ImageResult> take_results();

  /// Queued, and not yet taken.
  [[nodiscard]] std::size_t pending() const;

  /// For the end of a recording: hashes at normal priority from now on and waits
  /// until nothing is pending, at most `limit`. What pending() then still says is lost.
  [[nodiscard]] std::vector<ImageResult> finish(std::chrono::milliseconds limit);

  /// How often submit answered Overflown.
  [[nodiscard]] std::uint64_t overflows() const;

 private:
  struct Shared;
  struct Seen;
  explicit ImageInspector(std::unique_ptr<Shared> shared, Limits limits);

  std::unique_ptr<Seen> seen_;
  std::unique_ptr<Shared> shared_;  // last: its threads end first
};

/// True when the process `pid` that runs now began at `start_us` (BOOTTIME),
/// told apart to 10 ms, which is what /proc shows.
[[nodiscard]] bool is_same_process(event::ProcessKey process);

}  // namespace alibi::recorder
