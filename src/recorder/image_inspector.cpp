#include "recorder/image_inspector.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <list>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/unique_fd.hpp"
#include "recorder/handoff.hpp"
#include "recorder/package_index.hpp"

namespace alibi::recorder {
namespace {

constexpr std::size_t kQueuedExecs = 1024;
constexpr std::size_t kQueuedImages = 128;  // each holds a descriptor
constexpr std::size_t kQueuedResults = 1024;

// linux/ioprio.h is no C++ (a parameter is called `class`): its numbers.
constexpr int kIoprioWhoProcess = 1;
constexpr int kIoprioIdle = 3 << 13;

/// What the opener hands to the hasher; a closed image means Gone.
struct OpenedImage {
  ImageExec exec;
  UniqueFd image;  // O_PATH: keeps the file alive, cannot be read
};

std::optional<FileIdentity> identity_of_fd(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  return identity_of(status);
}

bool is_same_inode(const FileIdentity& a, const FileIdentity& b) {
  return a.inode == b.inode && a.size_bytes == b.size_bytes && a.mtime_ns == b.mtime_ns;
}

/// O_PATH does not call the file system's own open, which may wait for a server.
UniqueFd open_image(const ImageExec& exec) {
  const std::string link = "/proc/" + std::to_string(exec.process.pid) + "/exe";
  UniqueFd image(::open(link.c_str(), O_PATH | O_CLOEXEC));
  if (image.is_open()) {
    // The device is not compared: overlay and btrfs show another one to stat(2)
    // than the kernel uses. Unlinking alters ctime; then the process itself
    // must be the same.
    const auto found = identity_of_fd(image.get());
    const bool is_it = found && is_same_inode(*found, exec.identity) &&
                       (found->ctime_ns == exec.identity.ctime_ns || is_same_process(exec.process));
    if (is_it) return image;
  }
  image = UniqueFd(::open(exec.path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (image.is_open() && identity_of_fd(image.get()) == exec.identity) return image;
  return {};
}

/// The path means the same file in the host's root.
bool is_host_file(const ImageExec& exec, int image) {
  struct stat by_path {};
  if (::stat(exec.path.c_str(), &by_path) != 0) return false;
  const auto opened = identity_of_fd(image);
  return opened && opened->device == by_path.st_dev && opened->inode == by_path.st_ino;
}

void become_normal(pid_t thread) {
  const sched_param none{};
  ::sched_setscheduler(thread, SCHED_OTHER, &none);
  ::syscall(SYS_ioprio_set, kIoprioWhoProcess, thread, 0);
}

void become_idle() {
  ::prctl(PR_SET_NAME, "alibi-hasher");
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, kIoprioIdle);
}

ImageStatus status_of(Errc code) {
  return code == Errc::Corrupt ? ImageStatus::Changed : ImageStatus::Unreadable;
}

}  // namespace

std::string_view to_text(ImageStatus status) {
  switch (status) {
    case ImageStatus::Hashed: return "hashed";
    case ImageStatus::Gone: return "gone";
    case ImageStatus::Changed: return "changed";
    case ImageStatus::Unreadable: break;
  }
  return "unreadable";
}

bool is_same_process(event::ProcessKey process) {
  const std::string file = "/proc/" + std::to_string(process.pid) + "/stat";
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> buffer{};
  const ssize_t size = fd.is_open() ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
  if (size <= 0) return false;
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  // The second field is a name that may contain anything; the start time is field 22.
  const auto name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return false;
  text.remove_prefix(name_end + 2);
  for (int field = 3; field < 22; ++field) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return false;
    text.remove_prefix(space + 1);
  }
  std::uint64_t ticks = 0;
  std::from_chars(text.data(), text.data() + text.size(), ticks);
  constexpr std::uint64_t kTickUs = 10'000;  // USER_HZ is 100 on every architecture we build for
  return process.start_us / kTickUs == ticks;
}

/// What the threads share. Each queue has one giver and one taker.
struct ImageInspector::Shared {
  explicit Shared(std::string database) : packages(std::move(database)) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    should_stop = true;
    execs.close();
    images.close();
    results.close();
    if (opener.joinable()) opener.join();
    if (hasher.joinable()) hasher.join();
  }

  void open_images() {
    ::prctl(PR_SET_NAME, "alibi-opener");
    while (auto exec = execs.pop()) {
      OpenedImage opened{std::move(*exec), {}};
      opened.image = open_image(opened.exec);
      if (!images.push(opened)) return;
    }
  }

  void hash_images() {
    become_idle();
    hasher_id = ::gettid();
    while (auto opened = images.pop()) {
      ImageResult result = inspect(*opened);
      if (!results.push(result)) return;
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(ready.get(), &one, sizeof one);
    }
  }

  ImageResult inspect(OpenedImage& opened) {
    ImageResult result{.exec = std::move(opened.exec)};
    if (!opened.image.is_open()) return result;
    const std::string link = "/proc/self/fd/" + std::to_string(opened.image.get());
    const UniqueFd file(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) {
      result.status = ImageStatus::Unreadable;
      result.error = fail_errno(errno, "open the image").error().message;
      return result;
    }
    auto digest = sha256_of_file(file.get(), [this] { return should_stop.load(); });
    result.status = digest ? ImageStatus::Hashed : status_of(digest.error().code);
    if (!digest) {
      result.error = std::move(digest.error().message);
      return result;
    }
    result.sha256 = std::move(*digest);
    if (!is_host_file(result.exec, file.get())) return result;
    if (auto owner = packages.find_owner(result.exec.path)) {
      result.package = std::move(owner->package);
      result.version = std::move(owner->version);
    }
    return result;
  }

  std::atomic<bool> should_stop = false;
  std::atomic<pid_t> hasher_id = 0;  // 0: not running yet
  PackageIndex packages;             // hasher only
  UniqueFd ready;
  Handoff<ImageExec, kQueuedExecs> execs;
  Handoff<OpenedImage, kQueuedImages> images;
  Handoff<ImageResult, kQueuedResults> results;
  std::thread opener;
  std::thread hasher;
};

/// Contents already queued or hashed; only the caller's thread touches it.
struct ImageInspector::Seen {
  explicit Seen(std::size_t limit_) : limit(limit_) {}

  /// False when it was there already.
  bool add(const FileIdentity& file) {
    if (const auto known = places.find(file); known != places.end()) {
      order.splice(order.end(), order, known->second);
      return false;
    }
    if (order.size() >= limit) {
      places.erase(order.front());
      order.pop_front();
    }
    places[file] = order.insert(order.end(), file);
    return true;
  }
  void remove(const FileIdentity& file) {
    const auto known = places.find(file);
    if (known == places.end()) return;
    order.erase(known->second);
    places.erase(known);
  }

  std::size_t limit;
  std::uint64_t overflows = 0;
  std::size_t pending = 0;
  std::list<FileIdentity> order;  // least recently executed first
  std::unordered_map<FileIdentity, std::list<FileIdentity>::iterator> places;
};

ImageInspector::ImageInspector(std::unique_ptr<Shared> shared, Limits limits)
    : seen_(std::make_unique<Seen>(limits.remembered_files)), shared_(std::move(shared)) {}
ImageInspector::ImageInspector(ImageInspector&&) noexcept = default;
ImageInspector& ImageInspector::operator=(ImageInspector&&) noexcept = default;
ImageInspector::~ImageInspector() = default;

Result<ImageInspector> ImageInspector::open(Limits limits) {
  if (limits.remembered_files == 0) return fail(Errc::Usage, "remembered_files must be at least 1");
  auto shared = std::make_unique<Shared>(limits.package_database);
  shared->ready = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!shared->ready.is_open()) return fail_errno(errno, "create an event descriptor");
  return ImageInspector(std::move(shared), std::move(limits));
}

void ImageInspector::start() {
  Shared* const work = shared_.get();
  work->opener = std::thread([work] { work->open_images(); });
  work->hasher = std::thread([work] { work->hash_images(); });
}

ImageInspector::Submitted ImageInspector::submit(const ImageExec& exec) {
  if (!seen_->add(exec.identity)) return Submitted::Known;
  ImageExec copy = exec;
  if (shared_->execs.try_push(copy)) {
    ++seen_->pending;
    return Submitted::Queued;
  }
  seen_->remove(exec.identity);
  ++seen_->overflows;
  return Submitted::Overflown;
}

int ImageInspector::poll_fd() const { return shared_->ready.get(); }

std::vector<ImageResult> ImageInspector::take_results() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(shared_->ready.get(), &count, sizeof count);
  std::vector<ImageResult> taken;
  while (auto result = shared_->results.try_pop()) {
    if (result->status != ImageStatus::Hashed)
      seen_->remove(result->exec.identity);  // the next exec tries again
    taken.push_back(std::move(*result));
    --seen_->pending;
  }
  return taken;
}

std::size_t ImageInspector::pending() const { return seen_->pending; }

std::vector<ImageResult> ImageInspector::finish(std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limit;
  std::vector<ImageResult> taken = take_results();
  while (seen_->pending > 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) break;
    if (const pid_t hasher = shared_->hasher_id; hasher != 0) become_normal(hasher);
    // The hasher may still be starting: look again soon.
    constexpr std::chrono::milliseconds kLookAgain{20};
    pollfd ready{poll_fd(), POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(std::min(left, kLookAgain).count()));
    for (ImageResult& result : take_results())
      taken.push_back(std::move(result));
  }
  return taken;
}

std::uint64_t ImageInspector::overflows() const { return seen_->overflows; }

}  // namespace alibi::recorder
