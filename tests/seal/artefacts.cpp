// Makes with src/seal what tests/seal/other_tools.py has checked by others.
//
//   artefacts keys DIR         log.vkey, epoch.vkey, witness.vkey, note
//   artefacts check NOTE VKEY  prints whether the note is signed by the key
//   artefacts tree             roots, proofs and paths of tiles, as lines
//   artefacts item             salts, a line, its committed line and its leaf hash
//   artefacts age RECIPIENT... encrypts standard input

#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "seal/age_file.hpp"
#include "seal/bytes.hpp"
#include "seal/item.hpp"
#include "seal/note.hpp"
#include "seal/seal_layout.hpp"
#include "seal/tree.hpp"

namespace alibi::seal {
namespace {

using Arguments = std::vector<std::string>;

std::string read(std::istream& stream) { return {std::istreambuf_iterator<char>(stream), {}}; }

int keys(const Arguments& arguments) {
  const std::string directory = arguments.at(0) + "/";
  const auto log = SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60");
  const auto epoch = SigningKey::generate("alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60/epoch/17");
  const auto witness = SigningKey::generate("witness.example/w1", SignatureType::Cosignature);
  Note note;
  note.text = Checkpoint{log.verification_key().name, 300, sha256("root")}.to_text();
  note.signatures = {sign_note(log, note.text), sign_note(epoch, note.text),
                     cosign_note(witness, note.text, 1'800'000'000)};
  std::ofstream(directory + "note") << note.to_text();
  std::ofstream(directory + "log.vkey") << log.verification_key().to_text();
  std::ofstream(directory + "epoch.vkey") << epoch.verification_key().to_text();
  std::ofstream(directory + "witness.vkey") << witness.verification_key().to_text();
  std::ofstream(directory + "log.key") << log.to_text();
  return 0;
}

int check(const Arguments& arguments) {
  std::ifstream file(arguments.at(0));
  const auto note = parse_note(read(file));
  const auto key = VerificationKey::from_text(arguments.at(1));
  if (!note || !key) {
    std::cout << (note ? key.error() : note.error()).message << "\n";
    return 1;
  }
  const char* const kAnswers[] = {"no", "yes", "wrong"};
  std::cout << kAnswers[static_cast<int>(check_signature(*note, *key))] << "\n";
  return 0;
}

std::string joined(const std::vector<Hash>& proof) {
  std::string text;
  for (const auto& hash : proof)
    text += " " + hash.to_base64();
  return text;
}

/// Leaf i of the tree is the text "leaf i".
int tree(const Arguments&) {
  std::vector<Hash> leaves;
  std::map<std::pair<unsigned, std::uint64_t>, Hash> nodes;
  const NodeReader reader = [&](unsigned level, std::uint64_t index) -> Result<Hash> {
    if (level == 0) return leaves.at(index);
    const auto [node, is_new] = nodes.try_emplace({level, index});
    if (is_new)
      node->second = node_hash(*reader(level - 1, 2 * index), *reader(level - 1, 2 * index + 1));
    return node->second;
  };
  GrowingTree growing;
  for (std::uint64_t size = 1; size <= 1100; ++size) {
    leaves.push_back(leaf_hash("leaf " + std::to_string(size - 1)));
    growing.append(leaves.back());
    if (size > 20 && size % 97 != 0 && size != 256 && size != 1024) continue;
    std::cout << "root " << size << " " << growing.root().to_base64() << "\n";
    for (std::uint64_t i = 0; i < size; i += 1 + size / 16) {
      std::cout << "inclusion " << i << " " << size << joined(*prove_inclusion(reader, i, size))
                << "\n"
                << "consistency " << i + 1 << " " << size
                << joined(*prove_consistency(reader, i + 1, size)) << "\n";
    }
  }
  const SealLayout layout;
  for (const std::uint64_t index : {0ULL, 7ULL, 999ULL, 1000ULL, 1234067ULL, 5000000000ULL}) {
    for (const unsigned width : {1U, 255U, 256U}) {
      for (const unsigned level : {0U, 1U, 5U})
        std::cout << "tile " << level << " " << index << " " << width << " "
                  << layout.tile(level, index, width).string() << "\n";
      std::cout << "entries 0 " << index << " " << width << " "
                << layout.entries(index, width).string() << "\n";
    }
  }
  return 0;
}

int item(const Arguments&) {
  const auto columns = Columns::from("user,args", "seq,user,exe,args,name\n").value();
  const std::string line = "17,root,/bin/sh,\"sh -c a,b\",example.org\n";
  const Seed seed = block_seed(Seed{1, 2, 3}, 5);
  const auto salts = salts_of(seed, 2).substr(kSaltsPerItem * kSaltBytes);
  Sha256 sha;
  const auto committed = commit_line(sha, columns, salts, line);
  std::cout << "salts " << to_hex(salts) << "\nline " << line << "committed " << committed
            << "hash "
            << item_hash(sha, Stream::Events, salts.substr(0, kSaltBytes), committed).to_hex()
            << "\n"
            << "segment_seed " << to_hex({"\1\2\3", 3}) << std::string(58, '0') << "\nblock_seed "
            << to_hex({reinterpret_cast<const char*>(seed.data()), seed.size()}) << "\n";
  return 0;
}

int age(const Arguments& recipients) {
  std::string out;
  auto writer = AgeWriter::begin(recipients, out);
  if (!writer) {
    std::cerr << writer.error().message << "\n";
    return 1;
  }
  const std::string plain = read(std::cin);
  constexpr std::size_t kPieceBytes = 10'007;  // the chunks of the file lie across the pieces
  for (std::size_t at = 0; at < plain.size(); at += kPieceBytes)
    writer->write(std::string_view(plain).substr(at, kPieceBytes), out);
  writer->finish(out);
  std::cout << out;
  return 0;
}

}  // namespace
}  // namespace alibi::seal

int main(int count, char** values) {
  using namespace alibi::seal;
  const std::map<std::string, std::function<int(const Arguments&)>> kCommands = {
      {"keys", keys}, {"check", check}, {"tree", tree}, {"item", item}, {"age", age}};
  const auto command = count < 2 ? kCommands.end() : kCommands.find(values[1]);
  if (command == kCommands.end()) return 2;
  return command->second({values + 2, values + count});
}
