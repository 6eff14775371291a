#pragma once
// Which process of the hosts in a log sent what a capture shows. The engine is
// judge.hpp; this reads captures and log and joins the processes.
//
// Thread: one. Blocks on the disk.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "match/judge.hpp"
#include "query/who.hpp"
#include "store/log_reader.hpp"

namespace alibi::match {

/// What a host with a record of the flow says about it.
struct EndAnswer {
  std::string host;
  query::FlowAnswer answer;
  End end;
  event::Grade grade = event::Grade::Unknown;  ///< of the whole conclusion
  std::string via;                             ///< how it was found, and the record's own
};

struct MatchedFlow {
  CaptureFlow flow;
  Verdict verdict = Verdict::NotOurs;
  std::vector<EndAnswer> ends;        ///< the beginning side first
  std::vector<EndAnswer> candidates;  ///< of Ambiguous
  std::vector<std::string> altered;
  std::string reason;
  std::string host;  ///< of NoRecord: whose address it is
  Offset offset;     ///< of NoRecord: of that host's clock; Unknown: it cannot be compared
};

struct ClockAnswer {
  std::string host;
  std::string clock;  ///< "" is the host's own
  Offset offset;
};

struct MatchAnswer {
  std::vector<MatchedFlow> flows;  ///< as their first packets stand in the captures
  std::vector<ClockAnswer> clocks;
  std::uint64_t packets = 0;
  std::map<std::string, std::uint64_t> passed_over;  ///< packets of no flow, by reason
  std::vector<std::string> damage;                   ///< captures that ended before their end
};

/// `identity` as of LogReader::open. Errors: NotFound, Denied, Io; Corrupt (no capture file); as
/// the log's.
[[nodiscard]] Result<MatchAnswer> match(const std::vector<std::filesystem::path>& captures,
                                        const std::filesystem::path& directory,
                                        const std::filesystem::path& identity,
                                        store::LogReader& reader);

}  // namespace alibi::match
