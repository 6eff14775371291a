#include "recorder/tls_translator.hpp"

#include <algorithm>
#include <cstring>

#include "recorder/finding_record.hpp"
#include "recorder/tls_library.hpp"

namespace alibi::recorder {

using event::Direction;
using event::Grade;
using event::Kind;

std::size_t TlsTranslator::KeyHash::operator()(const Key& key) const noexcept {
  return std::hash<event::ProcessKey>{}(key.process) ^ std::hash<std::uint64_t>{}(key.session);
}

TlsTranslator::TlsTranslator(Translation& shared)
    : shared_(shared), inspector_(packet::Inspector::make({.are_heads_only = true})) {}

bool TlsTranslator::translate(std::span<const std::byte> bytes) {
  const alibi_header* header = view_header(bytes);
  if (!header) return false;
  if (header->kind == ALIBI_RECORD_TLS_END) {
    const auto* fixed = view_as<alibi_tls_end>(bytes);
    if (fixed) end({key_of(header->process), fixed->session});
    return fixed != nullptr;
  }
  const auto view = header->kind == ALIBI_RECORD_TLS ? view_tls(bytes) : std::nullopt;
  if (!view) return false;
  const alibi_tls& fixed = *view->fixed;
  Process* process = shared_.known(fixed.header.process);
  std::uint64_t id = 0;
  const Session& session = session_of(fixed, id);
  if (fixed.flags & ALIBI_TLS_UNREADABLE) {
    auto record = shared_.make(Kind::Loss, BootNs{header->boot_ns}, process);
    describe(record, session);
    unreadable_.push_back(std::move(record));
    return true;
  }
  packet::HeadPiece piece{.position = fixed.position, .offset = fixed.offset};
  std::ranges::copy(fixed.before, piece.before.begin());
  piece.bytes = view->bytes;
  inspector_->add_piece(id, fixed.is_out != 0, BootNs{header->boot_ns}, piece,
                        [this](const packet::Finding& finding) { on_finding(finding); });
  return true;
}

TlsTranslator::Session& TlsTranslator::session_of(const alibi_tls& fixed, std::uint64_t& id) {
  const Key key{key_of(fixed.header.process), fixed.session};
  if (const auto known = ids_.find(key);
      known != ids_.end() && sessions_[known->second].latest.number != fixed.number)
    end(key);
  if (sessions_.size() >= kSessionsMax && !ids_.contains(key)) make_room();
  const auto [place, is_new] = ids_.try_emplace(key, last_id_ + 1);
  if (is_new) ++last_id_;
  id = place->second;
  Session& session = sessions_[id];
  session.key = key;
  session.latest = fixed;
  return session;
}

void TlsTranslator::end(const Key& key) {
  const auto known = ids_.find(key);
  if (known == ids_.end()) return;
  const std::uint64_t id = known->second;
  inspector_->end(id, [this](const packet::Finding& finding) { on_finding(finding); });
  sessions_.erase(id);
  ids_.erase(key);
}

// Those of processes that have ended; when there are none, all.
void TlsTranslator::make_room() {
  std::vector<Key> over;
  for (const auto& [key, id] : ids_) {
    const Process* process = shared_.processes.find(key.process);
    if (!process || process->ended.ns != 0) over.push_back(key);
  }
  if (over.empty()) {
    dropped_ += ids_.size();
    for (const auto& [key, id] : ids_)
      over.push_back(key);
  }
  for (const Key& key : over)
    end(key);
}

void TlsTranslator::on_finding(const packet::Finding& finding) {
  const auto known = sessions_.find(finding.stream);
  if (known == sessions_.end()) return;
  Session& session = known->second;
  const bool is_out = finding.is_from_source;
  if (finding.kind == packet::FindingKind::HttpRequest) session.is_client = is_out;
  if (finding.kind == packet::FindingKind::HttpResponse) session.is_client = !is_out;
  Process* process = shared_.processes.find(session.key.process);
  auto record = record_of(shared_, finding, process);
  if (!record) return;
  describe(*record, session);
  const bool is_dns = record->kind == Kind::DnsQuery || record->kind == Kind::DnsAnswer;
  record->direction = (is_dns ? is_out : session.is_client) ? Direction::Out : Direction::In;
  shared_.emit(std::move(*record), process);
}

// The process called the library itself: there is nobody else it could be.
void TlsTranslator::describe(event::Record& record, const Session& session) const {
  const alibi_tls& fixed = session.latest;
  record.process = session.key.process;
  record.grade = Grade::Proven;
  record.via = "uprobe";
  add(record, "tls", name_of(fixed.library));
  if (!(fixed.flags & ALIBI_TLS_BEGAN)) add(record, "session", "from_middle");
  if (fixed.tuple.family == 0) return;
  record.flow = flow_id(fixed.cookie, fixed.net_ns);
  record.proto = protocol_name(fixed.tuple.family, fixed.tuple.protocol);
  record.local = local_of(fixed.tuple);
  record.remote = remote_of(fixed.tuple);
}

void TlsTranslator::tell_unreadable(LossLedger& losses, BootNs now) {
  for (event::Record& record : std::exchange(unreadable_, {})) {
    record.result = "tls_session_middle";
    add(record, "what", "session");
    add(record, "count", std::uint64_t{1});
    add(record, "total", losses.add_told("tls_session_middle", "session", 1));
    add(record, "from_ns", record.boot.ns);
    add(record, "to_ns", now.ns);
    Process* process = record.process ? shared_.processes.find(*record.process) : nullptr;
    shared_.emit(std::move(record), process);
  }
}

}  // namespace alibi::recorder
