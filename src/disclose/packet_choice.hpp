#pragma once
// Which packets are shown. Thread: one.

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "disclose/request.hpp"
#include "seal/leaf.hpp"

namespace alibi::disclose {

/// Numbers of the packets within the interval, of the processes if some are asked
/// for. Errors: NotFound (the log has none), Denied, Io.
[[nodiscard]] Result<std::set<std::uint64_t>> choose_packets(const Request& request);

/// Indices of the items that show `packets`: these, and the descriptions of the
/// section and its interfaces, so that what is shown can be opened as a file.
/// Process descriptions are not shown: they tell of others, too.
[[nodiscard]] std::vector<std::uint64_t> packet_items(const std::set<std::uint64_t>& packets,
                                                      std::string_view bytes);

}  // namespace alibi::disclose
