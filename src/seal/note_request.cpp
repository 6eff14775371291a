#include "seal/note_request.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <thread>

#include "event/number.hpp"
#include "seal/bytes.hpp"
#include "seal/identity.hpp"
#include "seal/note.hpp"
#include "seal/seal_work.hpp"
#include "store/directory_lock.hpp"
#include "store/layout.hpp"
#include "store/recovery.hpp"

namespace alibi::seal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAsked = ".ask";
constexpr std::string_view kAnswered = ".answer";
constexpr std::uint64_t kRequestBytesMax = 4096;
constexpr auto kPatience = std::chrono::seconds(10);
constexpr auto kLookEvery = std::chrono::milliseconds(50);
constexpr std::uint64_t kLookNs = 1'000'000'000;

fs::path directory_of(const SealLayout& layout) { return layout.directory / "requests"; }

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

/// what, sha256, text: a line each.
std::string to_text(const NoteRequest& request) {
  return one_line(request.what) + "\n" + one_line(request.sha256) + "\n" + one_line(request.text) +
         "\n";
}

Result<NoteRequest> from_text(std::string_view text) {
  std::array<std::string, 3> lines;
  for (auto& line : lines) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return fail(Errc::Corrupt, "no request for a note");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  NoteRequest request{lines[0], lines[1], lines[2]};
  const bool is_known = request.what == "disclosure" || request.what == "remark";
  if (!is_known || !text.empty() || (!request.sha256.empty() && !Hash::from_hex(request.sha256)))
    return fail(Errc::Corrupt, "no request for a note");
  return request;
}

Pairs pairs_of(const NoteRequest& request) {
  Pairs pairs = {{"what", request.what}};
  if (!request.sha256.empty()) pairs.emplace_back("sha256", request.sha256);
  if (!request.text.empty()) pairs.emplace_back("text", request.text);
  return pairs;
}

/// Appends the leaf where no recorder runs: a run of its own.
Result<NoteAnswer> append_alone(const SealLayout& layout, const NoteRequest& request) {
  store::Disk& disk = store::real_disk();
  const store::Layout files = layout.files();
  const std::string boot_id = boot_id_now();
  // The memory of an encrypted log is not mounted where nobody records: there is nothing to
  // recover.
  std::error_code missing;
  const bool has_content = !files.is_encrypted() || fs::exists(files.events(), missing);
  const auto recovery =
      has_content ? store::recover(disk, files, boot_id, true, [](const event::Record&) {})
                  : store::Recovery{};
  if (!recovery) return std::unexpected(recovery.error());
  auto work = SealWork::open({disk, layout, {.boot_id = boot_id, .command = "note"}, read_clock_ns},
                             recovery->found);
  if (!work) return std::unexpected(work.error());
  std::optional<std::uint64_t> index;
  SealWork::Order order{LeafType::Note, pairs_of(request), {}, {}};
  order.done = [&](const Result<std::uint64_t>& at) {
    if (at) index = *at;
  };
  (*work)->add(std::move(order));
  if (auto done = (*work)->finish("note"); !done) return std::unexpected(done.error());
  if (!index) return fail(Errc::Io, "the note could not be appended: " + (*work)->state().fault);
  auto checkpoint = store::read_file(disk, layout.checkpoint(), kNoteBytesMax);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return NoteAnswer{*index, std::move(*checkpoint)};
}

Result<NoteAnswer> parse_answer(std::string_view text) {
  const auto line = text.substr(0, text.find('\n'));
  const auto index = event::parse_number<std::uint64_t>(line);
  if (!index) return fail(Errc::Io, "the recorder could not append the note: " + std::string(line));
  return NoteAnswer{*index, std::string(text.substr(line.size() + 1))};
}

Result<NoteAnswer> ask_recorder(const SealLayout& layout, const NoteRequest& request) {
  store::Disk& disk = store::real_disk();
  const fs::path directory = directory_of(layout);
  const std::string name = to_hex(random_bytes(16));
  const fs::path asked = directory / (name + std::string(kAsked));
  const fs::path answered = directory / (name + std::string(kAnswered));
  if (auto done = disk.make_directory(directory); !done) return std::unexpected(done.error());
  if (auto done = store::write_file(disk, asked, to_text(request)); !done)
    return std::unexpected(done.error());
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (const auto text = store::read_file(disk, answered, kNoteBytesMax + kRequestBytesMax)) {
      (void)disk.remove(answered);
      return parse_answer(*text);
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  (void)disk.remove(asked);
  return fail(Errc::Unsupported,
              "the recorder of " + layout.directory.string() +
                  " does not answer; see `alibi status`, or stop it and try again");
}

}  // namespace

Result<NoteAnswer> append_note(const SealLayout& layout, const NoteRequest& request) {
  if (const auto is_known = from_text(to_text(request)); !is_known)
    return fail(Errc::Usage, "a note is a disclosure or a remark, with a SHA-256 in hex or none");
  const store::Layout files{layout.directory};
  if (!files.has_identity())
    return fail(Errc::NotFound, layout.directory.string() + " has no identity; see `alibi init`");
  const auto lock = store::lock_directory(files);
  if (lock) return append_alone(layout, request);
  if (lock.error().code != Errc::Denied) return std::unexpected(lock.error());
  return ask_recorder(layout, request);
}

/// Requests of other processes. What is answered already waits for its file to go.
void SealWork::take_requests() {
  if (boot() < looked_at_ + kLookNs) return;
  looked_at_ = boot();
  const auto entries = disk_.list(directory_of(layout_));
  if (!entries) return;
  for (const auto& entry : *entries) {
    const fs::path path = directory_of(layout_) / entry.name;
    if (!entry.name.ends_with(kAsked) ||
        std::ranges::find(replies_, path, &Reply::request) != replies_.end())
      continue;
    const auto text = store::read_file(disk_, path, kRequestBytesMax);
    auto request = text ? from_text(*text) : std::unexpected(text.error());
    if (!request) {
      (void)disk_.remove(path);
      continue;
    }
    Order order{LeafType::Note, pairs_of(*request), {}, {}};
    const bool is_disclosure = request->what == "disclosure";
    order.done = [this, path, is_disclosure](const Result<std::uint64_t>& index) {
      if (!index) return;  // the file is still there: again in a second
      replies_.push_back({path, *index});
      wants_publish_ = true;
      wants_stamp_ = wants_stamp_ || is_disclosure;
    };
    add(std::move(order));
  }
}

/// The checkpoint that was just published covers all of them.
void SealWork::answer_requests() {
  for (const Reply& reply : std::exchange(replies_, {})) {
    auto answer = reply.request;
    answer.replace_extension(kAnswered);
    (void)store::write_file(disk_, answer, std::to_string(reply.index) + "\n" + chain_.note());
    (void)disk_.remove(reply.request);
  }
}

}  // namespace alibi::seal
