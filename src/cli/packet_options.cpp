#include "cli/packet_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "event/number.hpp"

namespace alibi::cli {

using recorder::PacketOptions;

bool read_packets(PacketOptions& options, std::string_view text) {
  if (text == "off") {
    options.is_on = false;
    return true;
  }
  const auto bytes = text == "headers" ? std::optional<std::uint32_t>(0)
                     : text == "all"   ? std::optional(PacketOptions::kWhole)
                                       : event::parse_number<std::uint32_t>(text);
  if (!bytes) return false;
  options.is_on = true;
  options.payload_bytes = std::min(*bytes, PacketOptions::kWhole);
  return true;
}

std::string packets_text(const PacketOptions& options) {
  if (!options.is_on) return "off";
  if (options.payload_bytes == 0) return "headers";
  return options.payload_bytes == PacketOptions::kWhole ? "all"
                                                        : std::to_string(options.payload_bytes);
}

void PacketArguments::declare(CLI::App& app) {
  app.add_option(
         "--packets", packets,
         "What to keep of packets: headers, off, all, or so many bytes of payload [headers]")
      ->type_name("WHAT");
  app.add_option("--packet-filter", filter,
                 "Keep payload only of packets that match this pcap-filter(7) expression")
      ->type_name("EXPR");
}

Status PacketArguments::apply(PacketOptions& options) const {
  if (!packets.empty() && !read_packets(options, packets))
    return fail(Errc::Usage, fmt::format("--packets must be {}, not '{}'", kPacketsForm, packets));
  if (!filter.empty()) options.payload_filter = filter;
  return {};
}

}  // namespace alibi::cli
