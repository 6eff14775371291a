// What sealing costs: each line with its salts, its hideable columns and its place
// in the tree of the block; a leaf of the log with its two signatures; a key of an epoch.

#include <benchmark/benchmark.h>

#include <string>

#include "base/check.hpp"
#include "event/csv.hpp"
#include "seal/age_file.hpp"
#include "seal/item.hpp"
#include "seal/note.hpp"
#include "seal/tree.hpp"
#include "workload.hpp"

namespace alibi::bench {
namespace {

std::string some_lines(std::size_t count) {
  auto records = Workload(1).take(count);
  records.resize(count);
  std::string lines;
  for (auto& record : records) {
    record.seq = 1;
    event::append_csv(lines, record);
  }
  return lines;
}

/// The root of a block, as the sealer and the verifiers make it.
void seal_lines(benchmark::State& state) {
  const auto items = static_cast<std::size_t>(state.range(0));
  const std::string lines = some_lines(items);
  const auto columns = seal::Columns::from("user,args,name,extra", event::csv_header()).value();
  const seal::Seed seed{};
  std::uint64_t block = 0;
  for (auto _ : state) {
    const auto hashes =
        seal::hash_items(seal::Stream::Events, columns, seal::block_seed(seed, block++), lines);
    ALIBI_CHECK(hashes && hashes->size() == items);
    benchmark::DoNotOptimize(seal::tree_hash(*hashes));
  }
  const auto done = state.iterations() * state.range(0);
  state.SetItemsProcessed(done);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
  state.counters["s/line"] = benchmark::Counter(
      static_cast<double>(done), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(seal_lines)->Arg(16)->Arg(1000)->Arg(4096);

/// Leaf, tree, note with the signatures of the log and of the epoch.
void seal_block(benchmark::State& state) {
  const auto log = seal::SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60");
  const auto epoch = seal::SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60/epoch/1");
  seal::GrowingTree tree;
  seal::BlockLeaf block;
  block.root = seal::sha256("").to_base64();
  for (auto _ : state) {
    const auto leaf = seal::make_leaf(seal::LeafType::Block, "0f9c2a77-c31e-4b6f-8d5a-2e9b1c4d7a60",
                                      block.to_pairs());
    tree.append(seal::leaf_hash(leaf.to_line()));
    seal::Note note;
    note.text = seal::Checkpoint{log.verification_key().name, tree.size(), tree.root()}.to_text();
    note.signatures = {seal::sign_note(log, note.text), seal::sign_note(epoch, note.text)};
    benchmark::DoNotOptimize(note.to_text());
  }
}
BENCHMARK(seal_block);

void make_epoch_key(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(
        seal::SigningKey::generate("alibi/0/epoch/1").verification_key().to_text());
}
BENCHMARK(make_epoch_key);

void verify_note(benchmark::State& state) {
  const auto key = seal::SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60");
  seal::Note note;
  note.text = seal::Checkpoint{key.verification_key().name, 300, {}}.to_text();
  note.signatures = {seal::sign_note(key, note.text)};
  const std::string bytes = note.to_text();
  for (auto _ : state)
    ALIBI_CHECK(seal::check_signature(seal::parse_note(bytes).value(), key.verification_key()) ==
                seal::Signed::Yes);
}
BENCHMARK(verify_note);

void read_key(benchmark::State& state) {
  const std::string text =
      seal::SigningKey::generate("alibi/0/epoch/1").verification_key().to_text();
  for (auto _ : state)
    ALIBI_CHECK(seal::VerificationKey::from_text(text));
}
BENCHMARK(read_key);

void encrypt(benchmark::State& state) {
  const std::string plain(1 << 20, 'x');
  const std::string recipients[] = {
      "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"};
  for (auto _ : state) {
    std::string out;
    auto writer = seal::AgeWriter::begin(recipients, out);
    ALIBI_CHECK(writer);
    writer->write(plain, out);
    writer->finish(out);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(plain.size()));
}
BENCHMARK(encrypt);

}  // namespace
}  // namespace alibi::bench
