#include "recorder/dns_record.hpp"

namespace alibi::recorder {
namespace {

constexpr std::size_t kFreshNamesMax = 4096;  // between two batches

}  // namespace

void describe_dns(event::Record& record, const packet::DnsMessage& message) {
  if (!message.questions.empty()) {
    record.name = message.questions[0].name;
    add(record, "type", message.questions[0].type);
  }
  add(record, "id", message.id);
  if (!message.is_answer) return;
  record.result = message.rcode;
  std::string answers;
  for (const auto& answer : message.answers) {
    if (!answers.empty()) answers += ',';
    answers += answer.address ? event::to_text(*answer.address) : answer.target;
  }
  if (!answers.empty()) add(record, "answers", std::move(answers));
  if (message.is_cut || message.answers_left_out) add(record, "answers_cut", "1");
}

void remember_names(Translation& shared, const Process& process, const packet::DnsMessage& message,
                    BootNs when) {
  const bool is_for_packets = shared.reads_streams && (!shared.tracked_only || process.is_tracked);
  for (const auto& named : packet::named_addresses(message)) {
    shared.names.remember(process.key, named.address, named.name, when, named.ttl_s);
    if (is_for_packets && shared.fresh_names.size() < kFreshNamesMax)
      shared.fresh_names.emplace_back(named.address, named.name);
  }
}

}  // namespace alibi::recorder
