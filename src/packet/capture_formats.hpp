#pragma once
// The two file formats behind CaptureReader, for capture_reader.cpp only.

#include <memory>
#include <string>

#include "packet/capture_reader.hpp"
#include "packet/read_window.hpp"

namespace alibi::packet {

struct CaptureSource {
  std::string name;  ///< for messages
  ReadWindow window;
  CaptureReader::Source kind = CaptureReader::Source::Whole;

  /// Corrupt at the place the window stands.
  [[nodiscard]] std::unexpected<Error> corrupt(std::string_view what) const;
  /// Makes `bytes` visible. False: the file ends here, between two blocks, or
  /// within one that may still grow. Errors: Io, Corrupt (cut).
  Result<bool> fill(std::size_t bytes);
};

/// The window stands at the start of the file. Errors: Corrupt, Io.
Result<std::unique_ptr<CaptureReader>> open_pcap(CaptureSource source);
Result<std::unique_ptr<CaptureReader>> open_pcapng(CaptureSource source);

[[nodiscard]] bool is_pcap_magic(std::uint32_t first);  ///< as read little-endian

}  // namespace alibi::packet
