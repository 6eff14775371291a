#include "witness/witness.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>

#include "seal/note.hpp"
#include "seal/tree.hpp"
#include "witness/add_checkpoint.hpp"

namespace alibi::witness {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLogsMax = 10'000;
constexpr std::uint64_t kAgainS = 60;  ///< between two cosignatures of one size

Result<UniqueFd> lock(store::Disk& disk, const fs::path& directory) {
  auto fd = disk.open(directory / "lock", O_RDWR | O_CREAT);
  if (!fd) return fd;
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::Denied, directory.string() + ": another witness runs in this directory");
  return fd;
}

Result<seal::SigningKey> read_key(store::Disk& disk, const fs::path& directory) {
  const auto text = store::read_file(disk, directory / "key", 4096);
  if (!text) {
    if (text.error().code != Errc::NotFound) return std::unexpected(text.error());
    return fail(Errc::NotFound,
                directory.string() + ": no witness here; make one with 'alibi witness init NAME'");
  }
  auto key = seal::SigningKey::from_text(std::string_view(*text).substr(0, text->find('\n')));
  if (!key) return during((directory / "key").string(), key.error());
  if (key->verification_key().type != seal::SignatureType::Cosignature)
    return fail(Errc::Corrupt, (directory / "key").string() + ": not the key of a witness");
  return key;
}

/// Ours, of a note that we keep.
std::string last_line(const std::string& note) {
  const std::size_t before = note.rfind('\n', note.size() - 2);
  return note.substr(before + 1);
}

Answer text_answer(unsigned status, std::string body) {
  return {.status = status, .body = std::move(body) + "\n"};
}

/// What is served and kept: one line of each trusted key of the log, and room for ours.
seal::Note trusted_part(const seal::Note& note, const std::vector<seal::VerificationKey>& logs) {
  seal::Note part{note.text, {}};
  for (const seal::VerificationKey& log : logs) {
    const auto line = std::ranges::find_if(note.signatures, [&](const seal::NoteSignature& found) {
      return found.name == log.name && found.key_hash == log.hash();
    });
    if (line != note.signatures.end() && part.signatures.size() + 1 < seal::kNoteSignaturesMax)
      part.signatures.push_back(*line);
  }
  return part;
}

}  // namespace

Result<std::vector<seal::VerificationKey>> parse_logs(std::string_view text) {
  std::vector<seal::VerificationKey> logs;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto key = seal::VerificationKey::from_text(line);
    if (!key) return during(fmt::format("line {}", number), key.error());
    if (key->type != seal::SignatureType::Ed25519)
      return fail(Errc::Corrupt, fmt::format("line {}: not the key of a log", number));
    if (logs.size() >= kLogsMax) return fail(Errc::Corrupt, "too many logs");
    if (std::ranges::find(logs, *key) == logs.end()) logs.push_back(std::move(*key));
  }
  return logs;
}

Result<seal::VerificationKey> create_witness(store::Disk& disk, const fs::path& directory,
                                             const std::string& name) {
  const auto key = seal::SigningKey::generate(name, seal::SignatureType::Cosignature);
  if (auto read = seal::VerificationKey::from_text(key.verification_key().to_text()); !read)
    return fail(Errc::Usage,
                fmt::format("'{}' cannot be the name of a key: no spaces, no '+'", name));
  if (auto done = disk.make_directory(directory); !done) return std::unexpected(done.error());
  const auto held = lock(disk, directory);
  if (!held) return std::unexpected(held.error());
  // Exclusively: a second init must not take the place of a key that is trusted.
  const auto fd = disk.open(directory / "key", O_WRONLY | O_CREAT | O_EXCL);
  if (!fd && fd.error().sys_errno == EEXIST)
    return fail(Errc::Denied, directory.string() + ": there is a witness already");
  if (!fd) return std::unexpected(fd.error());
  if (auto done = store::write_all(disk, fd->get(), key.to_text() + "\n"); !done)
    return std::unexpected(done.error());
  if (auto done = disk.sync_data(fd->get()); !done) return std::unexpected(done.error());
  if (auto done =
          store::write_file(disk, directory / "vkey", key.verification_key().to_text() + "\n");
      !done)
    return std::unexpected(done.error());
  if (auto done = History::create(disk, directory, key); !done)
    return std::unexpected(done.error());
  return key.verification_key();
}

/// A request whose note a trusted key of its log has signed.
struct Witness::Request {
  AddCheckpoint add;
  seal::Checkpoint checkpoint;
};

Result<std::unique_ptr<Witness>> Witness::open(store::Disk& disk, const fs::path& directory,
                                               std::vector<seal::VerificationKey> logs) {
  auto key = read_key(disk, directory);
  if (!key) return std::unexpected(key.error());
  auto held = lock(disk, directory);
  if (!held) return std::unexpected(held.error());
  std::unique_ptr<Witness> witness(new Witness(std::move(*key), std::move(logs), std::move(*held)));
  auto history = History::open(disk, directory, witness->key_);
  if (!history) return std::unexpected(history.error());
  witness->history_ = std::make_unique<History>(std::move(*history));
  return witness;
}

Answer Witness::add_checkpoint(std::string_view body, std::uint64_t time_s) {
  Request request;
  auto add = AddCheckpoint::from_text(body);
  if (!add) return text_answer(400, add.error().message);
  request.add = std::move(*add);
  auto checkpoint = seal::Checkpoint::from_text(request.add.note.text);
  if (!checkpoint) return text_answer(400, checkpoint.error().message);
  request.checkpoint = std::move(*checkpoint);
  bool is_known = false;
  bool is_signed = false;
  for (const seal::VerificationKey& log : logs_) {
    if (log.name != request.checkpoint.origin) continue;
    is_known = true;
    const seal::Signed found = check_signature(request.add.note, log);
    if (found == seal::Signed::Wrong) return text_answer(403, "a signature of this log is wrong");
    is_signed = is_signed || found == seal::Signed::Yes;
  }
  if (!is_known) return text_answer(404, "this log is not known here");
  if (!is_signed) return text_answer(403, "not signed by a key that is trusted for this log");
  if (request.add.old_size > request.checkpoint.size)
    return text_answer(400, "the old size is greater than the size");
  const std::scoped_lock held(mutex_);
  return decide(request, time_s);
}

/// Under the lock: nothing comes between looking at the state and changing it.
Answer Witness::decide(const Request& request, std::uint64_t time_s) {
  const seal::Checkpoint& now = request.checkpoint;
  const auto& latest = history_->latest();
  const auto known = latest.find(now.origin);
  const std::uint64_t size = known == latest.end() ? 0 : known->second.checkpoint.size;
  if (request.add.old_size != size) {
    return refuse(request, Outcome::RefusedSize,
                  {409, fmt::format("{}\n", size), "text/x.tlog.size"}, time_s);
  }
  const auto inconsistent = [&](const char* why) {
    return refuse(request, Outcome::RefusedConsistency, text_answer(422, why), time_s);
  };
  if (now.size == 0 && now.root != seal::tree_hash({}))
    return inconsistent("a tree without leaves has another root");
  if (size == 0 || now.size == size) {
    if (!request.add.proof.empty()) return inconsistent("the proof must be empty");
    if (size != 0 && now.root != known->second.checkpoint.root)
      return inconsistent("another root was cosigned at this size");
    // Anybody can send what was published again. It must not fill the disk.
    if (known != latest.end() && now.size == size && time_s < known->second.time_s + kAgainS)
      return {.body = last_line(known->second.note)};
    return cosign(request, time_s);
  }
  if (!seal::check_consistency(size, known->second.checkpoint.root, now.size, now.root,
                               request.add.proof))
    return inconsistent("the proof does not show that this tree extends the one cosigned last");
  return cosign(request, time_s);
}

Answer Witness::refuse(const Request& request, Outcome outcome, Answer answer,
                       std::uint64_t time_s) {
  if (auto done = history_->refuse(outcome, request.checkpoint, request.add.note, time_s); !done)
    return fail_to_write(done.error());
  return answer;
}

Answer Witness::cosign(const Request& request, std::uint64_t time_s) {
  seal::Note note = trusted_part(request.add.note, logs_);
  const seal::NoteSignature ours = seal::cosign_note(key_, note.text, time_s);
  note.signatures.push_back(ours);
  if (auto done = history_->accept(request.checkpoint, note, time_s); !done)
    return fail_to_write(done.error());
  return {.body = ours.to_line()};
}

Answer Witness::fail_to_write(const Error& error) {
  trouble_ = error.message;
  return text_answer(503, "the state of this witness cannot be written");
}

Answer Witness::checkpoint(std::string_view origin_hash) {
  const std::scoped_lock held(mutex_);
  for (const auto& [origin, latest] : history_->latest()) {
    if (seal::sha256(origin).to_hex() == origin_hash) return {.body = latest.note};
  }
  return text_answer(404, "no checkpoint of such a log was cosigned here");
}

std::string Witness::trouble() {
  const std::scoped_lock held(mutex_);
  return trouble_;
}

}  // namespace alibi::witness
