#include "verify/content.hpp"

#include <algorithm>

#include "event/number.hpp"

namespace alibi::verify {
namespace {

std::size_t place_of(seal::Stream stream) { return stream == seal::Stream::Events ? 0 : 1; }

std::optional<seal::Stream> stream_of(const seal::Leaf& leaf) {
  const std::string* name = leaf.find("stream");
  if (name && *name == seal::name_of(seal::Stream::Events)) return seal::Stream::Events;
  if (name && *name == seal::name_of(seal::Stream::Packets)) return seal::Stream::Packets;
  return std::nullopt;
}

/// A file, a seed that is no part of its file, or a block in live/.
bool lacks_something(const SegmentCheck& segment) {
  if (segment.forms.empty() && segment.live)
    return segment.live->failure && segment.live->failure->verdict == Verdict::Missing;
  return segment.forms.empty() ||
         (!segment.has_seed && std::ranges::any_of(segment.forms, [](const FormCheck& form) {
           return form.form != Form::Encrypted;
         }));
}

bool covers(const Retention& retention, const SegmentCheck& segment) {
  return retention.stream == segment.stream && retention.leaf > segment.last_leaf &&
         retention.first <= segment.number && segment.number <= retention.last;
}

std::string text_of(const seal::Leaf& leaf, std::string_view key) {
  const std::string* text = leaf.find(key);
  return text ? *text : "";
}

Failure altered_at(const FormCheck& form, const SegmentLeaf& leaf, std::string reason) {
  Place place{.leaf = leaf.leaf, .file = form.file};
  if (form.failure) {  // of no weight any more, but a hint where to look
    place.offset = form.failure->place.offset;
    place.record = form.failure->place.record;
  }
  return {Verdict::Altered, std::move(place), std::move(reason)};
}

/// The hash of the kept file against the leaf.
std::optional<Failure> judge_file(const FormCheck& form, const SegmentLeaf& leaf) {
  constexpr const char* kChanged = "the file is not the one that was sealed when it was closed";
  if (form.form == Form::Packed &&
      (form.file_hash.to_hex() != leaf.packed_sha256 || form.file_bytes != leaf.packed_bytes))
    return altered_at(form, leaf, kChanged);
  if (form.form == Form::Encrypted && !leaf.encrypted_sha256.empty() &&
      (form.file_hash.to_hex() != leaf.encrypted_sha256 || form.file_bytes != leaf.encrypted_bytes))
    return altered_at(form, leaf, kChanged);
  return std::nullopt;
}

/// What is within an age file, where it was opened, and the plain text.
std::optional<Failure> judge_inside(const FormCheck& form, const SegmentLeaf& leaf) {
  if (form.packed_hash &&
      (form.packed_hash->to_hex() != leaf.packed_sha256 || form.packed_bytes != leaf.packed_bytes))
    return altered_at(form, leaf, "the decrypted file is not the one that was sealed");
  const bool has_tail = form.form == Form::Plain && form.tail_bytes > 0;
  if (form.plain_hash && !has_tail &&
      (form.plain_hash->to_hex() != leaf.sha256 || form.plain_bytes != leaf.bytes))
    return altered_at(form, leaf, "the plain text is not the one that was sealed");
  return std::nullopt;
}

}  // namespace

FormJudgement judge_form(const SegmentCheck& segment, const FormCheck& form,
                         const FormContext& context) {
  FormJudgement judged;
  const SegmentLeaf* leaf = context.leaf;
  const auto failed = [&](Verdict verdict, Place place, std::string reason) {
    judged.failure = Failure{verdict, std::move(place), std::move(reason)};
    return judged;
  };
  if (leaf) judged.failure = judge_file(form, *leaf);
  if (judged.failure) return judged;
  Place place{.leaf = leaf ? leaf->leaf : segment.first_leaf, .file = form.file};
  const bool is_encrypted = form.form == Form::Encrypted;
  if (is_encrypted && !form.refused.empty())
    return failed(Verdict::Undecryptable, std::move(place), form.refused);
  if (is_encrypted && !context.has_identity) {
    if (leaf ? leaf->encrypted_sha256.empty() : !context.is_growing)
      return failed(Verdict::Undecryptable, std::move(place),
                    "nothing tells whether this encrypted file is the right one");
    judged.gap = Gap{leaf ? leaf->leaf : segment.first_leaf, "encrypted",
                     form.file + ": content not checked, no identity given"};
    return judged;
  }
  if (form.lacks_seed)
    return failed(Verdict::Altered, std::move(place), "it ends without the seed of the segment");
  if (!is_encrypted && !segment.has_seed && context.is_to_go) return judged;
  if (!is_encrypted && !segment.has_seed) {
    place = {.leaf = segment.first_leaf,
             .file = std::string(seal::name_of(segment.stream)) + "/" +
                     seed_name(segment.stream, segment.number)};
    return failed(Verdict::Missing, std::move(place),
                  "without its seed the segment cannot be checked");
  }
  judged.failure = form.failure || !leaf ? form.failure : judge_inside(form, *leaf);
  return judged;
}

Content::Content(const Evidence& evidence, const Inputs& inputs, const Genesis& genesis,
                 bool is_growing, Findings& findings, Report& report, WorkPool& pool,
                 Progress& progress)
    : evidence_(evidence),
      inputs_(inputs),
      hideable_(genesis.hideable),
      first_number_{genesis.first_event, genesis.first_packet},
      is_growing_(is_growing),
      findings_(findings),
      report_(report),
      pool_(pool),
      progress_(progress),
      last_number_{genesis.first_event - std::min<std::uint64_t>(genesis.first_event, 1),
                   genesis.first_packet - std::min<std::uint64_t>(genesis.first_packet, 1)} {}

void Content::take(std::uint64_t index, const seal::Leaf& leaf) {
  const auto stream = stream_of(leaf);
  const auto number = [&](const char* key) { return leaf.number(key).value_or(0); };
  if (leaf.type == seal::LeafType::Block) {
    if (const auto block = seal::BlockLeaf::from_leaf(leaf)) take_block(index, *block);
  } else if (leaf.type == seal::LeafType::Segment && stream) {
    segment_leaves_.insert_or_assign(
        Key{*stream, number("segment")},
        SegmentLeaf{index, number("bytes"), text_of(leaf, "sha256"), number("packed_bytes"),
                    text_of(leaf, "packed_sha256"), number("encrypted_bytes"),
                    text_of(leaf, "encrypted_sha256")});
  } else if (leaf.type == seal::LeafType::Retention && stream) {
    retentions_.push_back({*stream, index, number("first"), number("last")});
  }
}

void Content::take_block(std::uint64_t index, const seal::BlockLeaf& block) {
  const std::size_t at = place_of(block.stream);
  SealedSegment& open = open_[at];
  if (!open.blocks.empty() && open.number != block.segment)
    hand_over(std::exchange(open, {}), false);
  open.stream = block.stream;
  open.number = block.segment;
  const auto root = seal::Hash::from_base64(block.root);
  open.blocks.push_back({index, block.offset, block.bytes, block.items, block.first, block.last,
                         block.block, root.value_or(seal::Hash{})});
  if (block.last != 0) last_number_[at] = block.last;
}

void Content::hand_over(SealedSegment segment, bool is_newest) {
  // Findings of an earlier step decide: the order of blocks is not to be relied on.
  if (findings_.failed_by(Step::Order)) return;
  pool_.submit([this, segment = std::move(segment), is_newest] {
    auto check =
        check_segment(evidence_, segment, hideable_, is_growing_ && is_newest, inputs_, progress_);
    const std::lock_guard lock(mutex_);
    if (!check) {
      if (worst_) worst_ = std::unexpected(check.error());
      return;
    }
    checks_.insert_or_assign(Key{check->stream, check->number}, std::move(*check));
  });
}

Status Content::end(const AskAgain& ask_again) {
  for (SealedSegment& open : open_) {
    if (!open.blocks.empty()) hand_over(std::exchange(open, {}), true);
  }
  pool_.finish();
  if (findings_.failed_by(Step::Order)) return {};
  if (!worst_) return worst_;
  if (auto done = explain_lacking(ask_again); !done) return done;
  for (const auto& [key, check] : checks_)
    judge(check);
  judge_unknown(seal::Stream::Events);
  judge_unknown(seal::Stream::Packets);
  return {};
}

void Content::judge(const SegmentCheck& segment) {
  const auto leaf = segment_leaves_.find({segment.stream, segment.number});
  // A file that no leaf knows yet counts where its blocks are not there.
  const bool has_all_live = segment.live && !(segment.live->failure &&
                                              segment.live->failure->verdict == Verdict::Missing);
  if (segment.live && (segment.forms.empty() || (leaf == segment_leaves_.end() && has_all_live)))
    return judge_live(segment);
  if (segment.forms.empty()) return judge_absent(segment);
  bool is_checked = false;
  for (const FormCheck& form : segment.forms) {
    auto judged = judge_form(segment, form,
                             {leaf == segment_leaves_.end() ? nullptr : &leaf->second,
                              !inputs_.identity.empty(), is_to_go(segment), is_growing_});
    if (judged.failure) findings_.add(Step::Content, std::move(*judged.failure));
    if (judged.gap) add_gap(report_, std::move(*judged.gap));
    is_checked = is_checked ||
                 (form.is_content_checked && (segment.has_seed || form.form == Form::Encrypted));
    if (form.tail_bytes > 0)
      add_tail({.file = form.file, .offset = form.plain_bytes - form.tail_bytes});
  }
  if (segment.unsealed_bytes > 0) {
    add_gap(report_, {{},
                      "unsealed",
                      std::to_string(segment.unsealed_bytes) + " bytes of " +
                          segment.forms.front().file + " stand before sealing began"});
  }
  if (is_checked)
    (segment.stream == seal::Stream::Events ? report_.records : report_.packets) += segment.items;
}

void Content::judge_live(const SegmentCheck& segment) {
  if (is_to_go(segment)) return;  // some of its files may be gone already
  if (segment.live->failure) findings_.add(Step::Content, *segment.live->failure);
  if (segment.live->is_content_checked) {
    (segment.stream == seal::Stream::Events ? report_.records : report_.packets) += segment.items;
  } else {
    add_gap(report_,
            {segment.first_leaf, "encrypted", "live/: content not checked, no identity given"});
  }
}

bool Content::is_to_go(const SegmentCheck& segment) const {
  return std::ranges::any_of(
      retentions_, [&](const Retention& retention) { return covers(retention, segment); });
}

/// A recorder deletes by rule while this is judged: it told so before, in leaves that
/// a later checkpoint covers.
Status Content::explain_lacking(const AskAgain& ask_again) {
  if (!is_growing_) return {};
  std::vector<const SegmentCheck*> lacking;
  for (const auto& [key, check] : checks_) {
    if (lacks_something(check) && !is_to_go(check)) lacking.push_back(&check);
  }
  if (lacking.empty()) return {};
  const auto told = ask_again();
  if (!told) return std::unexpected(told.error());
  for (const Retention& retention : *told) {
    if (!std::ranges::any_of(lacking, [&](const auto* check) { return covers(retention, *check); }))
      continue;
    retentions_.push_back(retention);
    add_gap(
        report_,
        {retention.leaf, "retention",
         std::string(seal::name_of(retention.stream)) + " " + std::to_string(retention.first) +
             " to " + std::to_string(retention.last) + " went by rule while this was verified"});
  }
  return {};
}

void Content::judge_absent(const SegmentCheck& segment) {
  if (is_to_go(segment)) return;
  findings_.add(
      Step::Content, Verdict::Missing,
      {.leaf = segment.first_leaf,
       .file = std::string(seal::name_of(segment.stream)) + "/" +
               plain_name(segment.stream, segment.number)},
      "this file was sealed and is not there, and no leaf says that it was to be deleted");
}

void Content::judge_unknown(seal::Stream stream) {
  const std::size_t at = place_of(stream);
  std::uint64_t first_sealed = first_number_[at];
  for (const auto& [key, check] : checks_) {
    if (key.first == stream) first_sealed = std::min(first_sealed, key.second);
  }
  for (const auto& [number, bytes] : evidence_.segments(stream)) {
    if (checks_.contains({stream, number})) continue;
    const std::string file = std::string(seal::name_of(stream)) + "/" + plain_name(stream, number);
    if (number < first_sealed) {
      add_gap(report_, {{}, "unsealed", file + " was written before sealing began"});
    } else if (number == last_number_[at] + 1 ||
               (number > last_number_[at] && has_plain_form(stream, number))) {
      add_tail({.file = file, .offset = 0});
    } else if (number <= last_number_[at] || !is_growing_) {
      findings_.add(Step::Content, Verdict::Reordered, {.file = file}, "no leaf knows this file");
    }
  }
}

/// A recorder that dies in a burst leaves several files that are not sealed yet;
/// none of them is packed.
bool Content::has_plain_form(seal::Stream stream, std::uint64_t number) const {
  const auto& directory = evidence_.content(stream);
  return directory && directory->file(plain_name(stream, number)).has_value();
}

void Content::add_tail(Place place) {
  if (is_growing_ && place.offset == 0) return;
  if (!tail_) tail_ = std::move(place);
}

}  // namespace alibi::verify
