#pragma once
// The packets of captures once more, each with the process that sent it, or that
// received it where the sender is not known.
//
// A pid means one process in a file of packets. Where hosts have processes with
// the same pid, the first keeps it, and packets of the others have only a comment.

#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.hpp"
#include "match/match.hpp"
#include "packet/headers.hpp"
#include "query/packet_log.hpp"

namespace alibi::match {

using VisitAnnotated =
    std::function<Status(const query::LoggedPacket&, const packet::Headers& headers)>;

/// `captures` as they were given to match(), `answer` what it gave. Errors: those
/// of reading, and of `visit`, which ends it.
[[nodiscard]] Status annotate(const std::vector<std::filesystem::path>& captures,
                              const MatchAnswer& answer, const VisitAnnotated& visit);

}  // namespace alibi::match
