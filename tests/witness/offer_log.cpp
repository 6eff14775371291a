// offer_log DIR ORIGIN SEED [TIMEOUT_MS ROOTS URL...]: a log in memory whose
// checkpoints are offered to third parties, told by lines on standard input:
//
//   grow COUNT FLAVOUR   appends leaves FLAVOUR0, FLAVOUR1, ... by their index
//   cut SIZE             takes leaves off, as a rollback does
//   damage               from now on every node of the tree is read wrong
//   offer | offer stamp  the checkpoint of now
//   trouble              prints what `alibi status` would say
//   finish MS            ends
//
// SEED is 64 hex digits, of the key of the log. Prints what comes back.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>

#include "seal/bytes.hpp"
#include "seal/note.hpp"
#include "witness/client.hpp"

namespace {

using namespace alibi;

std::mutex printing;

void print(const std::string& line) {
  const std::scoped_lock held(printing);
  std::cout << line << std::endl;
}

/// Prints; keeps cosigned notes as the sealer does.
class Printer : public seal::Receipts {
 public:
  explicit Printer(seal::SealLayout layout) : layout_(std::move(layout)) {}
  void cosigned(std::uint64_t size, std::string note, std::string name) override {
    std::filesystem::create_directories(layout_.cosigned(0).parent_path());
    std::ofstream(layout_.cosigned(0), std::ios::app) << note;
    print(fmt::format("cosigned {} {} {}", size, name, seal::to_base64(note)));
  }
  void stamped(std::uint64_t size, std::string token, std::string name, std::string time) override {
    print(fmt::format("stamped {} {} {} {}", size, name, time, seal::to_base64(token)));
  }
  void fault(std::string result, std::string error) override {
    print(fmt::format("fault {} {}", result, error));
  }

 private:
  seal::SealLayout layout_;
};

class Log {
 public:
  Log(const std::string& origin, const std::string& seed)
      : origin_(origin),
        key_(seal::SigningKey::from_seed(origin, seal::SignatureType::Ed25519, seed)) {}

  void grow(std::size_t count, const std::string& flavour) {
    const std::scoped_lock held(mutex_);
    for (; count > 0; --count)
      leaves_.push_back(seal::leaf_hash(flavour + std::to_string(leaves_.size())));
  }
  void cut(std::size_t size) {
    const std::scoped_lock held(mutex_);
    leaves_.resize(size);
  }
  void damage() {
    const std::scoped_lock held(mutex_);
    is_damaged_ = true;
  }
  seal::Offer offer(bool wants_stamp) {
    const std::scoped_lock held(mutex_);
    const seal::Checkpoint checkpoint{origin_, leaves_.size(), seal::tree_hash(leaves_)};
    seal::Note note{checkpoint.to_text(), {}};
    note.signatures = {seal::sign_note(key_, note.text), seal::sign_note(epoch_key_, note.text)};
    return {note.to_text(), checkpoint.size, checkpoint.root, wants_stamp};
  }
  seal::NodeReader nodes() {
    return [this](unsigned level, std::uint64_t index) -> Result<seal::Hash> {
      const std::scoped_lock held(mutex_);
      const std::uint64_t from = index << level;
      const std::uint64_t count = std::uint64_t{1} << level;
      if (from + count > leaves_.size()) return fail(Errc::NotFound, "no such node");
      seal::Hash hash = seal::tree_hash(std::span(leaves_).subspan(from, count));
      if (is_damaged_) hash.bytes[5] ^= 1;
      return hash;
    };
  }

 private:
  std::string origin_;
  seal::SigningKey key_;
  seal::SigningKey epoch_key_ = seal::SigningKey::generate(origin_ + "/epoch/0");
  std::mutex mutex_;
  std::vector<seal::Hash> leaves_;
  bool is_damaged_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const auto seed = seal::from_hex(argv[3]);
  if (!seed || seed->size() != 32) return 2;
  const seal::SealLayout layout{argv[1]};
  Log log(argv[2], *seed);
  Printer printer(layout);
  witness::ClientOptions options;
  if (argc > 4) options.timeout_ms = static_cast<std::uint32_t>(std::stoul(argv[4]));
  if (argc > 5) options.stamp_roots = argv[5];
  for (int i = 6; i < argc; ++i)
    options.stamp_urls.emplace_back(argv[i]);
  const auto client = witness::start_client(options, layout, printer, log.nodes());
  print(client ? "ready" : "nobody");
  if (!client) return 0;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what;
    std::size_t number = 0;
    std::string text;
    words >> what;
    if (what == "grow" && words >> number >> text)
      log.grow(number, text);
    else if (what == "cut" && words >> number)
      log.cut(number);
    else if (what == "damage")
      log.damage();
    else if (what == "offer")
      client->offer(log.offer(!!(words >> text)));
    else if (what == "trouble")
      print("trouble " + client->trouble());
    else if (what == "finish" && words >> number) {
      client->finish(std::chrono::milliseconds(number));
      print("finished");
    } else
      return 2;
  }
  return 0;
}
