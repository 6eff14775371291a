#include "witness/third_party.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "witness/add_checkpoint.hpp"

namespace alibi::witness {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr unsigned kDoublings = 6;  ///< 5 s to 320 s
constexpr std::uint64_t kLongestWaitS = 300;

/// The first line of what a server says, for a person.
std::string first_line(std::string_view body) {
  std::string line(body.substr(0, std::min<std::size_t>(body.find('\n'), 120)));
  std::ranges::replace_if(
      line, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return line.empty() ? "" : ": " + line;
}

std::string status_text(const HttpReply& reply) {
  return fmt::format("HTTP status {}{}", reply.status, first_line(reply.body));
}

std::string path_after(std::string url, std::string_view path) {
  while (url.ends_with('/'))
    url.pop_back();
  return url + std::string(path);
}

/// The root that the tree had at `size`.
Result<seal::Hash> root_at(const seal::NodeReader& nodes, std::uint64_t size) {
  std::vector<seal::Hash> subtrees;
  for (unsigned level = 63; size > 0 && level < 64; --level) {
    if ((size >> level & 1) == 0) continue;
    auto node = nodes(level, (size >> level) - 1);
    if (!node) return node;
    subtrees.push_back(*node);
  }
  return seal::GrowingTree(size, std::move(subtrees)).root();
}

/// Checked before it is sent: a damaged tile must not look like a fork.
Result<std::vector<seal::Hash>> prove(const seal::NodeReader& nodes, std::uint64_t old_size,
                                      const seal::Offer& offer) {
  auto proof = seal::prove_consistency(nodes, old_size, offer.size);
  if (!proof) return proof;
  const auto old_root = root_at(nodes, old_size);
  if (!old_root) return std::unexpected(old_root.error());
  if (!seal::check_consistency(old_size, *old_root, offer.size, offer.root, *proof))
    return fail(Errc::Corrupt, "log/tile does not fit the checkpoint");
  return proof;
}

}  // namespace

std::string seconds_text(std::int64_t time_s, const char* fraction) {
  struct tm time {};
  const time_t seconds = time_s;
  ::gmtime_r(&seconds, &time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", time.tm_year + 1900, time.tm_mon + 1,
                     time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec, fraction);
}

void BackOff::fail(BootNs now) {
  const std::uint64_t wait_s = std::min<std::uint64_t>(5ULL << failures_, kLongestWaitS);
  failures_ = std::min(failures_ + 1, kDoublings);
  next_ = {now.ns + wait_s * kSecondNs};
}

bool WitnessParty::remember(const seal::Note& note) {
  const auto time_s = seal::cosigned_at(note, who_.key);
  const auto checkpoint = seal::Checkpoint::from_text(note.text);
  if (!time_s || !checkpoint) return false;
  known_size_ = checkpoint->size;
  cosigned_size_ = checkpoint->size;
  cosigned_at_s_ = *time_s;
  return true;
}

Result<HttpPost> WitnessParty::request(const seal::Offer& offer, const seal::Note& note,
                                       const seal::NodeReader& nodes, BootNs now) {
  // A size that is not known, or that cannot be ours: ask from the beginning, which
  // gets the size it has.
  asked_from_ = known_size_ && *known_size_ <= offer.size ? *known_size_ : 0;
  AddCheckpoint add{.old_size = asked_from_, .proof = {}, .note = note};
  if (asked_from_ != 0 && asked_from_ != offer.size) {
    auto proof = prove(nodes, asked_from_, offer);
    if (!proof) {
      back_off_.fail(now);
      problem_ = "no proof of consistency: " + proof.error().message;
      return std::unexpected(proof.error());
    }
    add.proof = std::move(*proof);
  }
  return HttpPost{.url = path_after(who_.url, "/add-checkpoint"),
                  .content_type = "text/plain; charset=utf-8",
                  .body = add.to_text(),
                  .accept = {}};
}

WitnessParty::Taken WitnessParty::take(const Result<HttpReply>& reply, const seal::Offer& offer,
                                       const seal::Note& note, seal::Receipts& receipts,
                                       BootNs now) {
  Taken taken;
  if (reply && reply->status == 200) taken.line = find_line(*reply, note);
  if (taken.line) {
    known_size_ = offer.size;
    cosigned_size_ = offer.size;
    problem_.clear();
    back_off_.succeed();
    return taken;
  }
  if (!reply) {
    problem_ = reply.error().message;
  } else if (reply->status == 409) {
    taken.is_to_be_asked_again = take_size(*reply, offer, receipts);
    if (taken.is_to_be_asked_again) return taken;
  } else if (reply->status == 422) {
    alarm(
        receipts, "witness_fork",
        fmt::format(
            "it has another tree of this log: this one does not extend what it cosigned at size {}",
            asked_from_));
  } else if (reply->status == 200) {
    problem_ = "its answer has no valid cosignature";
  } else {
    problem_ = status_text(*reply);
    if (reply->status == 403 || reply->status == 404)
      problem_ += " (does it have the key of this log, identity/log.vkey?)";
  }
  back_off_.fail(now);
  return taken;
}

std::optional<seal::NoteSignature> WitnessParty::find_line(const HttpReply& reply,
                                                           const seal::Note& note) {
  const auto lines = parse_signature_lines(reply.body);
  if (!lines) return std::nullopt;
  for (const seal::NoteSignature& line : *lines) {
    const auto time_s = seal::cosigned_at({note.text, {line}}, who_.key);
    if (!time_s || *time_s == 0) continue;  // of a key we do not know, too
    cosigned_at_s_ = *time_s;
    return line;
  }
  return std::nullopt;
}

/// True when asking again from that size can help.
bool WitnessParty::take_size(const HttpReply& reply, const seal::Offer& offer,
                             seal::Receipts& receipts) {
  const auto size = parse_size_line(reply.body);
  if (!size || reply.content_type != "text/x.tlog.size") {
    problem_ = "HTTP status 409 without a size";
    return false;
  }
  if (*size > offer.size) {
    alarm(receipts, "witness_ahead",
          fmt::format("it cosigned size {}, this log has {}: the log was rolled back, or somebody "
                      "else signs with its key",
                      *size, offer.size));
    return false;
  }
  if (*size < cosigned_size_) {
    alarm(receipts, "witness_back",
          fmt::format("it cosigned size {} and knows only {} now: it lost its memory",
                      cosigned_size_, *size));
  }
  if (*size == asked_from_) {  // tlog-witness v1.0.0 for: the same size, another root
    alarm(receipts, "witness_fork",
          fmt::format("it has another tree of this log at size {}", *size));
    return false;
  }
  const bool is_news = known_size_ != *size;
  known_size_ = *size;
  if (!is_news) problem_ = fmt::format("it says size {} and does not take it", *size);
  return is_news;
}

void WitnessParty::postpone(BootNs now) {
  problem_ = "it tells another size each time";
  back_off_.fail(now);
}

void WitnessParty::alarm(seal::Receipts& receipts, const char* result, const std::string& what) {
  problem_ = what;
  alarm_ = what;
  if (told_.insert(result).second)
    receipts.fault(result, fmt::format("witness {}: {}", who_.name, what));
}

Trouble WitnessParty::trouble() const {
  if (problem_.empty() && alarm_.empty()) return {};
  const std::string last =
      cosigned_size_ == 0 ? std::string("never cosigned")
                          : fmt::format("last cosigned size {} at {}", cosigned_size_,
                                        seconds_text(static_cast<std::int64_t>(cosigned_at_s_)));
  std::string text = fmt::format("witness {}: {}", who_.name, last);
  if (!alarm_.empty()) text += "; ALARM: " + alarm_;
  if (!problem_.empty() && problem_ != alarm_) text += "; now: " + problem_;
  return {std::move(text), back_off_.next()};
}

bool StampParty::is_due(BootNs now, std::uint64_t size, std::uint64_t interval_s,
                        bool is_wanted) const {
  if (stamped_size_ == size || !back_off_.is_over(now)) return false;
  return is_wanted || !stamped_ || now.ns >= stamped_->ns + interval_s * kSecondNs;
}

Result<HttpPost> StampParty::request(const seal::Note& note, BootNs now) {
  auto question = StampQuestion::about(note.text);
  if (!question) {
    back_off_.fail(now);
    problem_ = question.error().message;
    return std::unexpected(question.error());
  }
  question_ = std::move(*question);
  return HttpPost{.url = url_,
                  .content_type = std::string(kStampQueryType),
                  .body = question_->der(),
                  .accept = std::string(kStampReplyType)};
}

void StampParty::take(const Result<HttpReply>& reply, const seal::Offer& offer,
                      const std::string& roots, seal::Receipts& receipts, BootNs now) {
  problem_.clear();
  if (!reply)
    problem_ = reply.error().message;
  else if (reply->status != 200)
    problem_ = status_text(*reply);
  else if (reply->content_type != kStampReplyType)
    problem_ = "its answer is no time stamp";
  const auto time_s = problem_.empty() ? question_->check(reply->body, roots)
                                       : Result<std::int64_t>(fail(Errc::Corrupt, problem_));
  question_.reset();
  if (!time_s) {
    problem_ = time_s.error().message;
    back_off_.fail(now);
    return;
  }
  back_off_.succeed();
  stamped_ = now;
  stamped_size_ = offer.size;
  stamped_at_s_ = *time_s;
  receipts.stamped(offer.size, reply->body, name_, seconds_text(*time_s, ".000000"));
}

BootNs StampParty::next_try(std::uint64_t size, std::uint64_t interval_s) const {
  if (stamped_size_ == size) return {};
  if (back_off_.next().ns != 0) return back_off_.next();
  return stamped_ ? BootNs{stamped_->ns + interval_s * kSecondNs} : BootNs{};
}

Trouble StampParty::trouble() const {
  if (problem_.empty()) return {};
  const std::string last = stamped_ ? fmt::format("last stamped size {} at {}", stamped_size_,
                                                  seconds_text(stamped_at_s_))
                                    : "no stamp since the start";
  return {fmt::format("time stamps of {}: {}; now: {}", name_, last, problem_), back_off_.next()};
}

std::vector<std::string> stamp_names(const std::vector<std::string>& urls) {
  std::vector<std::string> names;
  for (const std::string& url : urls) {
    const std::size_t scheme = url.find("://");
    std::string host = scheme == std::string::npos ? url : url.substr(scheme + 3);
    host = host.substr(0, host.find_first_of("/?#"));
    if (const std::size_t user = host.rfind('@'); user != std::string::npos)
      host.erase(0, user + 1);
    std::string name;
    for (const char c : host) {
      const bool is_upper = c >= 'A' && c <= 'Z';
      const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || is_upper;
      name += is_upper ? static_cast<char>(c - 'A' + 'a') : is_kept ? c : '-';
    }
    if (name.empty() || name.starts_with('.')) name = "tsa" + name;
    std::string unique = name;
    for (int i = 2; std::ranges::find(names, unique) != names.end(); ++i)
      unique = fmt::format("{}-{}", name, i);
    names.push_back(std::move(unique));
  }
  return names;
}

}  // namespace alibi::witness
