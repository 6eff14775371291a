#pragma once
// What is kept of packets, as it is written in options and in the configuration.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "recorder/recorder.hpp"

namespace CLI {
class App;
}

namespace alibi::cli {

inline constexpr const char* kPacketsForm = "\"headers\", \"off\", \"all\" or a number of bytes";

/// False when it is none of kPacketsForm.
bool read_packets(recorder::PacketOptions& options, std::string_view text);
[[nodiscard]] std::string packets_text(const recorder::PacketOptions& options);

/// --packets and --packet-filter for the commands that record.
struct PacketArguments {
  std::string packets;
  std::string filter;
  void declare(CLI::App& app);
  /// Errors: Usage.
  Status apply(recorder::PacketOptions& options) const;
};

}  // namespace alibi::cli
