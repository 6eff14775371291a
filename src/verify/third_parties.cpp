#include "verify/third_parties.hpp"

#include <algorithm>
#include <utility>

namespace alibi::verify {
namespace {

constexpr std::size_t kNotesAtOnce = 64;
constexpr std::size_t kRemarksMax = 1000;
constexpr std::int64_t kSecondNs = 1'000'000'000;

std::int64_t seconds_of(WallNs time) { return time.ns / kSecondNs; }

/// a > b + slack, with b and slack of a stranger.
bool is_after(std::int64_t a, std::uint64_t b, std::uint64_t slack) {
  return a > 0 && static_cast<std::uint64_t>(a) > b && static_cast<std::uint64_t>(a) - b > slack;
}

bool is_before(std::int64_t a, std::uint64_t b, std::uint64_t slack) {
  const std::uint64_t from = a > 0 ? static_cast<std::uint64_t>(a) : 0;
  return from < b && b - from > slack;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

void remark(Report& report, std::string text) {
  if (report.remarks.size() < kRemarksMax) report.remarks.push_back(std::move(text));
}

}  // namespace

Result<ThirdParties> ThirdParties::make(const Inputs& inputs, const Trusted& trusted,
                                        Findings& findings, Report& report) {
  ThirdParties parties(inputs, trusted, findings, report);
  if (!inputs.tsa_roots.empty()) {
    auto roots = TimeStampRoots::from_pem(inputs.tsa_roots);
    if (!roots) return during("roots of time-stamp authorities", roots.error());
    parties.roots_ = std::move(*roots);
  }
  return parties;
}

ThirdParties::Judged ThirdParties::judge(const seal::Note& note, const std::string& file,
                                         const Rules& rules) const {
  const auto checkpoint = seal::Checkpoint::from_text(note.text);
  if (!checkpoint || checkpoint->size == 0) return {};
  const auto wrong = [&](std::string reason) {
    return Judged{{},
                  Failure{Verdict::BadSignature,
                          {.leaf = checkpoint->size - 1, .file = file},
                          std::move(reason)}};
  };
  const bool is_ours = checkpoint->origin == trusted_->log_key.name &&
                       seal::check_signature(note, trusted_->log_key) == seal::Signed::Yes;
  if (!is_ours) return wrong("the note has no valid signature of the log key");
  Seen seen{.size = checkpoint->size,
            .root = checkpoint->root,
            .hash = seal::sha256(note.to_text()),
            .cosigners = {},
            .place = file,
            .rules = rules};
  if (inputs_->policy) {
    auto cosigners = seal::check_cosigners(note, *inputs_->policy, inputs_->requirements);
    if (!cosigners) return wrong(cosigners.error().message);
    for (std::size_t i = 0; i < inputs_->policy->witnesses.size(); ++i) {
      if (const auto time_s = seal::cosigned_at(note, inputs_->policy->witnesses[i].key))
        seen.times.push_back({i, seen.size, *time_s});
    }
    seen.cosigners = std::move(*cosigners);
  }
  return {std::move(seen), {}};
}

void ThirdParties::keep(Judged judged) {
  if (judged.failure) {
    findings_->add(Step::Tree, std::move(*judged.failure));
    return;
  }
  if (!judged.seen) return;
  Seen& seen = *judged.seen;
  const bool is_larger = seen.size > trusted_->checkpoint.size;
  if (is_larger && !seen.rules.pass_over_larger &&
      (seen.is_returned || !seen.cosigners.names.empty())) {
    findings_->add(Step::ThirdParties, Verdict::Truncated,
                   {.leaf = seen.size - 1, .file = seen.place},
                   "a note over " + std::to_string(seen.size) + " leaves exists, and the log has " +
                       std::to_string(trusted_->checkpoint.size));
  }
  if (is_larger) return;
  sizes_.insert(seen.size);
  notes_.emplace(seen.size, std::move(seen));
}

void ThirdParties::add_cosigned(std::string_view bytes, const std::string& file, const Rules& rules,
                                WorkPool& pool) {
  std::size_t used = 0;
  std::vector<seal::Note> notes = seal::parse_notes(bytes, used);
  const auto end = std::ranges::find_if(notes, [](const seal::Note& note) {
    const auto checkpoint = seal::Checkpoint::from_text(note.text);
    return !checkpoint || checkpoint->size == 0;
  });
  if (used != bytes.size() || end != notes.end())
    remark(*report_, file + ": not read further than its " + std::to_string(end - notes.begin()) +
                         " well-formed notes");
  notes.erase(end, notes.end());
  std::vector<Judged> judged(notes.size());
  for (std::size_t begin = 0; begin < notes.size(); begin += kNotesAtOnce) {
    pool.submit([&, begin] {
      for (std::size_t i = begin; i < std::min(notes.size(), begin + kNotesAtOnce); ++i)
        judged[i] = judge(notes[i], file, rules);
    });
  }
  pool.finish();
  for (Judged& one : judged) {
    // What is larger can say that the log was cut; with a wrong signature it says nothing.
    if (one.failure && one.failure->place.leaf >= trusted_->checkpoint.size) {
      if (!rules.pass_over_larger) remark(*report_, file + " is not used: " + one.failure->reason);
      continue;
    }
    keep(std::move(one));
  }
}

void ThirdParties::add_returned(const Rules& rules) {
  Judged own = judge(trusted_->note, "checkpoint", rules);
  if (own.failure) findings_->add(Step::Tree, std::move(*own.failure));
  own.failure.reset();
  if (own.seen && !own.seen->cosigners.names.empty()) keep(std::move(own));
  Rules strict = rules;
  strict.pass_over_larger = false;
  for (const auto& returned : inputs_->notes) {
    const auto note = seal::parse_note(returned.bytes);
    Judged one = note ? judge(*note, returned.name, strict) : Judged{};
    if (one.seen) {
      one.seen->is_returned = true;
      keep(std::move(one));
    } else {
      remark(*report_, returned.name + " is not used: " +
                           (one.failure ? one.failure->reason : "it is no note of a checkpoint"));
    }
  }
}

void ThirdParties::add_stamp(Stamp stamp) {
  if (!roots_ || stamp.size == 0 || stamp.size > trusted_->checkpoint.size) {
    remark(*report_, stamp.file + " is not used: " +
                         (roots_ ? "its size is beyond the log"
                                 : "no roots of time-stamp authorities were given"));
    return;
  }
  sizes_.insert(stamp.size);
  stamps_.emplace(stamp.size, std::move(stamp));
}

void ThirdParties::check_root(const Seen& seen, const seal::Hash& root) const {
  if (seen.root == root) return;
  const Place place{.leaf = seen.size - 1, .file = seen.place};
  if (seen.is_returned) {
    findings_->add(Step::ThirdParties, Verdict::Fork, place,
                   "the log showed a witness another history of the same length");
  } else if (!seen.cosigners.names.empty()) {
    findings_->add(
        seen.rules.root_step, Verdict::Fork, place,
        "cosigned by " + joined(seen.cosigners.names) + ": another history of the same length");
  } else {
    findings_->add(seen.rules.root_step, seen.rules.wrong_root, place,
                   "the leaves do not give the root of this note");
  }
}

void ThirdParties::believe(std::uint64_t size, std::uint64_t earliest_s, std::uint64_t latest_s,
                           const std::string& name, const seal::Hash& hash, WallNs last_leaf_time) {
  if (is_after(seconds_of(last_leaf_time), earliest_s, inputs_->requirements.clock_difference_s)) {
    findings_->add(Step::ThirdParties, Verdict::TimeConflict, {.leaf = size - 1},
                   "the machine's clock is later than " + name + ", who saw this leaf");
  }
  by_hash_.insert_or_assign(hash.to_hex(), Believed{latest_s, name});
  auto& after = report_->not_after;
  if (!after || after->leaf < size || (after->leaf == size && earliest_s < after->time_s))
    after = ThirdPartyTime{earliest_s, name, size};
}

void ThirdParties::check_stamp(const Stamp& stamp, const seal::Hash& root, WallNs last_leaf_time) {
  const seal::Checkpoint checkpoint{trusted_->log_key.name, stamp.size, root};
  const auto stamped = roots_->verify(stamp.bytes, checkpoint.to_text());
  if (!stamped) return remark(*report_, stamp.file + " is not used: " + stamped.error().message);
  believe(stamp.size, stamped->time_s, stamped->time_s, stamped->name, seal::sha256(stamp.bytes),
          last_leaf_time);
}

void ThirdParties::pass_over_size(std::uint64_t size) {
  const auto [first, last] = notes_.equal_range(size);
  for (auto entry = first; entry != last; ++entry)
    remark(*report_, entry->second.place + " cannot be compared: leaf " + std::to_string(size - 1) +
                         " is not shown");
  const auto [first_stamp, last_stamp] = stamps_.equal_range(size);
  for (auto entry = first_stamp; entry != last_stamp; ++entry)
    remark(*report_, entry->second.file + " cannot be compared: leaf " + std::to_string(size - 1) +
                         " is not shown");
}

void ThirdParties::take_size(std::uint64_t size, const seal::Hash& root, WallNs last_leaf_time) {
  const auto [first, last] = notes_.equal_range(size);
  for (auto entry = first; entry != last; ++entry) {
    const Seen& seen = entry->second;
    check_root(seen, root);
    const auto& by = seen.cosigners;
    if (seen.root != root || by.names.empty()) continue;
    believe(size, by.first_time_s, by.last_time_s, joined(by.names), seen.hash, last_leaf_time);
    cosignatures_.insert(cosignatures_.end(), seen.times.begin(), seen.times.end());
  }
  const auto [first_stamp, last_stamp] = stamps_.equal_range(size);
  for (auto entry = first_stamp; entry != last_stamp; ++entry)
    check_stamp(entry->second, root, last_leaf_time);
}

void ThirdParties::take_receipt(std::uint64_t index, const seal::Leaf& leaf) {
  const auto known = by_hash_.find(*leaf.find("sha256"));
  if (known == by_hash_.end()) return;
  const Believed& believed = known->second;
  if (is_before(seconds_of(leaf.time), believed.time_s, inputs_->requirements.clock_difference_s)) {
    findings_->add(
        Step::ThirdParties, Verdict::TimeConflict, {.leaf = index},
        "the machine's clock is earlier than " + believed.name + ", whose answer this leaf holds");
  }
  if (!report_->not_before)
    report_->not_before = ThirdPartyTime{believed.time_s, believed.name, index};
}

/// The greatest size that enough witnesses cosigned, or a greater one; of each of
/// them the earliest time.
void ThirdParties::find_quorum() {
  if (!inputs_->policy) return;
  const auto& witnesses = inputs_->policy->witnesses;
  std::ranges::sort(cosignatures_, std::greater{}, &Cosignature::size);
  std::map<std::size_t, std::uint64_t> earliest;
  for (std::size_t i = 0; i < cosignatures_.size();) {
    const std::uint64_t size = cosignatures_[i].size;
    const std::size_t known = earliest.size();
    for (; i < cosignatures_.size() && cosignatures_[i].size == size; ++i) {
      auto& time_s =
          earliest.try_emplace(cosignatures_[i].witness, cosignatures_[i].time_s).first->second;
      time_s = std::min(time_s, cosignatures_[i].time_s);
    }
    if (earliest.size() == known) continue;
    Witnessed witnessed{.size = size};
    for (const auto& [witness, time_s] : earliest) {
      witnessed.names.push_back(witnesses[witness].name);
      witnessed.time_s = std::max(witnessed.time_s, time_s);
    }
    if (!seal::are_enough(witnessed.names, *inputs_->policy, inputs_->requirements)) continue;
    report_->witnessed = std::move(witnessed);
    return;
  }
}

void ThirdParties::end(WallNs last_leaf_time) {
  find_quorum();
  const std::uint64_t size = trusted_->checkpoint.size;
  if (!report_->witnessed) {
    report_->unwitnessed = "leaves 0 to " + std::to_string(size - 1);
  } else if (is_after(seconds_of(last_leaf_time), report_->witnessed->time_s,
                      inputs_->requirements.witness_interval_s)) {
    report_->unwitnessed =
        "leaves " + std::to_string(report_->witnessed->size) + " to " + std::to_string(size - 1);
    report_->unwitnessed_from = report_->witnessed->size;
  }
}

}  // namespace alibi::verify
