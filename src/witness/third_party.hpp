#pragma once
// What the client knows of one witness, of one time-stamp authority: when to ask it,
// what to send, what its answer means. No thread, no network: client.cpp has these.
// Clocks: CLOCK_BOOTTIME for waiting, wall clock for what people read.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "seal/note.hpp"
#include "seal/policy.hpp"
#include "seal/tree.hpp"
#include "seal/witnessing.hpp"
#include "witness/http_post.hpp"
#include "witness/time_stamp.hpp"

namespace alibi::witness {

/// What `alibi status` says of one of them.
struct Trouble {
  std::string text;  ///< empty: none
  BootNs next_try;   ///< 0: when the next checkpoint comes
};

/// Waiting after failures: 5 s, doubled each time, at most 5 minutes.
class BackOff {
 public:
  void succeed() {
    failures_ = 0;
    next_ = {};
  }
  void fail(BootNs now);
  [[nodiscard]] bool is_over(BootNs now) const { return now >= next_; }
  [[nodiscard]] BootNs next() const { return next_; }

 private:
  unsigned failures_ = 0;
  BootNs next_;
};

class WitnessParty {
 public:
  explicit WitnessParty(seal::Witness who) : who_(std::move(who)) {}

  /// Of log/cosigned, newest first. True: this witness cosigned it.
  bool remember(const seal::Note& note);
  [[nodiscard]] bool is_due(BootNs now, std::uint64_t size) const {
    return cosigned_size_ != size && back_off_.is_over(now);
  }
  /// Errors: Io, Corrupt where the tree cannot be read; it counts as a failure.
  Result<HttpPost> request(const seal::Offer& offer, const seal::Note& note,
                           const seal::NodeReader& nodes, BootNs now);

  struct Taken {
    std::optional<seal::NoteSignature> line;  ///< valid
    bool is_to_be_asked_again = false;        ///< its size is known now
  };
  Taken take(const Result<HttpReply>& reply, const seal::Offer& offer, const seal::Note& note,
             seal::Receipts& receipts, BootNs now);

  /// It told another size twice.
  void postpone(BootNs now);

  [[nodiscard]] const std::string& name() const { return who_.name; }
  [[nodiscard]] Trouble trouble() const;
  /// 0: nothing to wait for.
  [[nodiscard]] BootNs next_try(std::uint64_t size) const {
    return cosigned_size_ == size ? BootNs{} : back_off_.next();
  }

 private:
  std::optional<seal::NoteSignature> find_line(const HttpReply& reply, const seal::Note& note);
  bool take_size(const HttpReply& reply, const seal::Offer& offer, seal::Receipts& receipts);
  void alarm(seal::Receipts& receipts, const char* result, const std::string& what);

  seal::Witness who_;
  std::optional<std::uint64_t> known_size_;  ///< what it has, as far as we know
  std::uint64_t cosigned_size_ = 0;
  std::uint64_t cosigned_at_s_ = 0;
  std::uint64_t asked_from_ = 0;  ///< the old size sent last
  BackOff back_off_;
  std::string problem_;
  std::string alarm_;           ///< stays
  std::set<std::string> told_;  ///< faults
};

class StampParty {
 public:
  StampParty(std::string name, std::string url) : name_(std::move(name)), url_(std::move(url)) {}

  /// `is_wanted`: whether the hour is over or not.
  [[nodiscard]] bool is_due(BootNs now, std::uint64_t size, std::uint64_t interval_s,
                            bool is_wanted) const;
  Result<HttpPost> request(const seal::Note& note, BootNs now);
  void take(const Result<HttpReply>& reply, const seal::Offer& offer, const std::string& roots,
            seal::Receipts& receipts, BootNs now);

  [[nodiscard]] Trouble trouble() const;
  [[nodiscard]] BootNs next_try(std::uint64_t size, std::uint64_t interval_s) const;

 private:
  std::string name_;
  std::string url_;
  std::optional<StampQuestion> question_;
  std::optional<BootNs> stamped_;
  std::uint64_t stamped_size_ = 0;
  std::int64_t stamped_at_s_ = 0;
  BackOff back_off_;
  std::string problem_;
};

/// Names of receipts for these authorities: host and port in [a-z0-9.-]+, each once.
[[nodiscard]] std::vector<std::string> stamp_names(const std::vector<std::string>& urls);

/// RFC 3339, UTC.
[[nodiscard]] std::string seconds_text(std::int64_t time_s, const char* fraction = "");

}  // namespace alibi::witness
