#pragma once
// Windows event log files (EVTX), read with libevtx. Its errors end here: a
// damaged record is passed over with a reason. Thread: one.

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/result.hpp"
#include "import/foreign_event.hpp"

namespace alibi::import {

struct EvtxCounts {
  std::uint64_t records = 0;    ///< in the file's intact part
  std::uint64_t recovered = 0;  ///< found by libevtx in damaged or unused parts
};

/// True when the file begins like an EVTX file.
[[nodiscard]] bool is_evtx(const std::filesystem::path& file);

/// Gives every record that can be read to `sink`; `progress(done, all)` now and
/// then. Errors: NotFound, Denied, Io, Corrupt (not even the file head is sound).
[[nodiscard]] Result<EvtxCounts> read_evtx(
    const std::filesystem::path& file, const EventSink& sink,
    const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

}  // namespace alibi::import
