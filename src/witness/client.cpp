#include "witness/client.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "seal/note.hpp"
#include "seal/policy.hpp"
#include "store/disk.hpp"
#include "witness/third_party.hpp"

namespace alibi::witness {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPolicyBytesMax = 256U << 10;
constexpr std::uint64_t kCosignedBytesMax = 256ULL << 20;  ///< of a file, docs/seal-format.md
constexpr std::uint64_t kNever = UINT64_MAX;
constexpr std::size_t kLinesOfLog = 2;  ///< of the log key and of the epoch key

/// The cosigned notes of the newest file, which tell how far each witness is.
std::vector<seal::Note> newest_cosigned(const seal::SealLayout& layout) {
  store::Disk& disk = store::real_disk();
  const fs::path directory = layout.cosigned(0).parent_path();
  const auto files = disk.list(directory);
  if (!files || files->empty()) return {};
  const auto newest = std::ranges::max_element(*files, {}, &store::Disk::Entry::name);
  const auto bytes = store::read_file(disk, directory / newest->name, kCosignedBytesMax);
  std::size_t used = 0;
  return bytes ? seal::parse_notes(*bytes, used) : std::vector<seal::Note>{};
}

/// The note that is offered, with the lines that have come so far.
struct Collected {
  std::uint64_t size = 0;
  seal::Note note;
  std::string names;

  void add(const seal::NoteSignature& line, const std::string& name) {
    note.signatures.push_back(line);
    names += (names.empty() ? "" : ",") + name;
  }
  [[nodiscard]] bool is_full() const { return note.signatures.size() >= seal::kNoteSignaturesMax; }
};

class Client : public seal::Witnessing {
 public:
  Client(ClientOptions options, const seal::SealLayout& layout, seal::Receipts& receipts,
         seal::NodeReader nodes, const Result<seal::Policy>& policy)
      : options_(std::move(options)), receipts_(receipts), nodes_(std::move(nodes)) {
    if (!policy)
      policy_trouble_ = "witnesses: " + policy.error().message;
    else
      add_witnesses(*policy, layout);
    const auto names = stamp_names(options_.stamp_urls);
    for (std::size_t i = 0; i < names.size(); ++i)
      stamps_.emplace_back(names[i], options_.stamp_urls[i]);
    tell();
    thread_ = std::thread([this] { work(); });
  }

  ~Client() override { finish(std::chrono::milliseconds(0)); }

  void offer(const seal::Offer& offer) override {
    {
      const std::scoped_lock held(mutex_);
      const bool wants_stamp = has_offer_ && offer_.wants_stamp;
      offer_ = offer;
      offer_.wants_stamp = offer.wants_stamp || wants_stamp;
      has_offer_ = true;
    }
    wake_.notify_one();
  }

  void finish(std::chrono::milliseconds patience) override {
    give_up_ = boot_now().ns + static_cast<std::uint64_t>(patience.count()) * 1'000'000;
    {
      const std::scoped_lock held(mutex_);
      is_ending_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] std::string trouble() const override {
    const std::scoped_lock held(mutex_);
    const BootNs now = boot_now();
    std::string text;
    for (const Trouble& trouble : troubles_) {
      text += (text.empty() ? "" : "; ") + trouble.text;
      if (trouble.next_try > now && !is_ending_) {
        text += fmt::format(", next try in {} s",
                            (trouble.next_try.ns - now.ns + 999'999'999) / 1'000'000'000);
      }
    }
    return text;
  }

 private:
  void add_witnesses(const seal::Policy& policy, const seal::SealLayout& layout) {
    for (const seal::Witness& witness : policy.witnesses) {
      if (!witness.url.empty()) witnesses_.emplace_back(witness);
    }
    if (witnesses_.empty()) return;
    const auto notes = newest_cosigned(layout);
    for (WitnessParty& witness : witnesses_) {
      for (auto note = notes.rbegin(); note != notes.rend() && !witness.remember(*note);)
        ++note;
    }
  }

  void work() {
    // A peer that goes away in the middle of TLS must not end the recorder; libcurl
    // cannot see to that itself where it may not touch signals.
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    seal::Offer offer;
    bool has_any = false;
    while (true) {
      std::unique_lock held(mutex_);
      const auto has_work = [this] { return has_offer_ || is_ending_; };
      const std::uint64_t wait_ns = has_any ? until_next_try(offer.size) : kNever;
      if (wait_ns == kNever)
        wake_.wait(held, has_work);
      else
        wake_.wait_for(held, std::chrono::nanoseconds(wait_ns), has_work);
      if (has_offer_) offer = offer_;
      has_any = has_any || has_offer_;
      has_offer_ = false;
      const bool is_last = is_ending_;
      held.unlock();
      if (has_any) ask(offer, is_last);
      if (is_last) return;
    }
  }

  /// Nanoseconds until somebody is due for `size` without a new offer.
  [[nodiscard]] std::uint64_t until_next_try(std::uint64_t size) const {
    std::uint64_t at = kNever;
    const auto consider = [&](BootNs next) {
      if (next.ns != 0) at = std::min(at, next.ns);
    };
    for (const WitnessParty& witness : witnesses_)
      consider(witness.next_try(size));
    for (const StampParty& stamp : stamps_)
      consider(stamp.next_try(size, options_.stamp_interval_s));
    const std::uint64_t now = boot_now().ns;
    return at == kNever ? kNever : at > now ? at - now : 0;
  }

  void ask(const seal::Offer& offer, bool is_last) {
    if (collected_.size != offer.size || collected_.note.text.empty()) {
      auto note = seal::parse_note(offer.note);
      if (!note) return;  // the sealer's own
      collected_ = {offer.size, std::move(*note), {}};
    }
    const std::size_t lines = collected_.note.signatures.size();
    std::vector<WitnessParty*> witnesses;
    for (WitnessParty& witness : witnesses_) {
      if (witness.is_due(is_last ? BootNs{kNever} : boot_now(), offer.size))
        witnesses.push_back(&witness);
    }
    std::vector<StampParty*> stamps;
    for (StampParty& stamp : stamps_) {
      if (stamp.is_due(is_last ? BootNs{kNever} : boot_now(), offer.size, options_.stamp_interval_s,
                       offer.wants_stamp || is_last))
        stamps.push_back(&stamp);
    }
    // The second time with the size that a witness told.
    witnesses = exchange(offer, witnesses, stamps);
    if (!witnesses.empty()) witnesses = exchange(offer, witnesses, {});
    for (WitnessParty* witness : witnesses)
      witness->postpone(boot_now());
    if (collected_.note.signatures.size() > lines)
      receipts_.cosigned(offer.size, collected_.note.to_text(), collected_.names);
    tell();
  }

  /// Returns the witnesses to be asked again.
  std::vector<WitnessParty*> exchange(const seal::Offer& offer,
                                      const std::vector<WitnessParty*>& witnesses,
                                      const std::vector<StampParty*>& stamps) {
    seal::Note note = collected_.note;
    note.signatures.resize(std::min(note.signatures.size(), kLinesOfLog));  // not what others said
    std::vector<HttpPost> posts;
    std::vector<WitnessParty*> asked;
    std::vector<StampParty*> asked_stamps;
    for (WitnessParty* witness : witnesses) {
      if (auto post = witness->request(offer, note, nodes_, boot_now())) {
        posts.push_back(std::move(*post));
        asked.push_back(witness);
      }
    }
    for (StampParty* stamp : stamps) {
      if (auto post = stamp->request(note, boot_now())) {
        posts.push_back(std::move(*post));
        asked_stamps.push_back(stamp);
      }
    }
    if (posts.empty()) return {};
    const auto replies = post_all(posts, options_.timeout_ms, give_up_);
    std::vector<WitnessParty*> again;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto taken = asked[i]->take(replies[i], offer, note, receipts_, boot_now());
      if (taken.line && !collected_.is_full()) collected_.add(*taken.line, asked[i]->name());
      if (taken.is_to_be_asked_again) again.push_back(asked[i]);
    }
    for (std::size_t i = 0; i < asked_stamps.size(); ++i) {
      asked_stamps[i]->take(replies[asked.size() + i], offer, options_.stamp_roots, receipts_,
                            boot_now());
    }
    return again;
  }

  /// For trouble().
  void tell() {
    std::vector<Trouble> troubles;
    if (!policy_trouble_.empty()) troubles.push_back({policy_trouble_, {}});
    for (const WitnessParty& witness : witnesses_)
      troubles.push_back(witness.trouble());
    for (const StampParty& stamp : stamps_)
      troubles.push_back(stamp.trouble());
    std::erase_if(troubles, [](const Trouble& trouble) { return trouble.text.empty(); });
    const std::scoped_lock held(mutex_);
    troubles_ = std::move(troubles);
  }

  ClientOptions options_;
  seal::Receipts& receipts_;
  seal::NodeReader nodes_;
  std::string policy_trouble_;
  // Of the thread, once it runs.
  std::vector<WitnessParty> witnesses_;
  std::vector<StampParty> stamps_;
  Collected collected_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  seal::Offer offer_;  ///< under mutex_, as the next three
  bool has_offer_ = false;
  bool is_ending_ = false;
  std::vector<Trouble> troubles_;
  std::atomic<std::uint64_t> give_up_ = kNever;  ///< CLOCK_BOOTTIME
  std::thread thread_;
};

Result<seal::Policy> read_policy(const ClientOptions& options, const seal::SealLayout& layout) {
  const fs::path path =
      options.policy_file.empty() ? layout.policy() : fs::path(options.policy_file);
  const auto text = store::read_file(store::real_disk(), path, kPolicyBytesMax);
  if (!text) {
    const bool is_absent = options.policy_file.empty() && text.error().code == Errc::NotFound;
    return is_absent ? Result<seal::Policy>(seal::Policy{}) : std::unexpected(text.error());
  }
  auto policy = seal::Policy::from_text(*text);
  if (!policy) return during(path.string(), policy.error());
  return policy;
}

}  // namespace

std::unique_ptr<seal::Witnessing> start_client(const ClientOptions& options,
                                               const seal::SealLayout& layout,
                                               seal::Receipts& receipts, seal::NodeReader nodes) {
  const auto policy = read_policy(options, layout);
  const bool has_witness =
      policy && std::ranges::any_of(policy->witnesses,
                                    [](const auto& witness) { return !witness.url.empty(); });
  if (policy && !has_witness && options.stamp_urls.empty()) return nullptr;
  return std::make_unique<Client>(options, layout, receipts, std::move(nodes), policy);
}

}  // namespace alibi::witness
