#pragma once
// Turns a finished .csv segment into its packed form. docs/log-format.md
// section 5. Slow and careful: what was packed is unpacked and compared before
// the .csv goes. Thread: the packer's.

#include <cstdint>
#include <stop_token>

#include "base/result.hpp"
#include "store/disk.hpp"
#include "store/layout.hpp"
#include "store/log_writer.hpp"
#include "store/quarantine.hpp"
#include "store/sealing.hpp"

namespace alibi::store {

enum class PackEnd : std::uint8_t { Done, Stopped };

struct PackResult {
  PackEnd end = PackEnd::Done;
  TornTail torn;  ///< bytes that were no whole line
};

/// `before_seq`: first number of the next segment; lines from there on are in
/// that one. When stopped or killed at any point the .csv is still there, or
/// the packed file is whole. `keeps_plain`: the .csv stays. Errors: Io; Corrupt
/// when the packed bytes did not unpack to the same (the .csv then stays).
[[nodiscard]] Result<PackResult> pack_segment(Disk& disk, const Layout& layout,
                                              std::uint64_t first_seq, std::uint64_t before_seq,
                                              const Limits& limits, bool keeps_plain,
                                              std::stop_token stop);

/// Sizes and hashes of a packed segment and of the text in it. Errors: Io; Corrupt
/// when it does not unpack.
[[nodiscard]] Result<PackedPair> describe_packed(Disk& disk, const Layout& layout,
                                                 std::uint64_t first_seq);

/// Makes the missing index of a packed segment.
[[nodiscard]] Status rebuild_index(Disk& disk, const Layout& layout, std::uint64_t first_seq);

}  // namespace alibi::store
