#include "disclose/packet_choice.hpp"

#include <algorithm>
#include <span>

#include "packet/byte_order.hpp"
#include "packet/pcapng_blocks.hpp"
#include "query/packet_log.hpp"
#include "seal/item.hpp"
#include "store/pcapng_blocks.hpp"

namespace alibi::disclose {
namespace {

bool is_wanted(const Request& request, const packet::ProcessInfo* process) {
  if (request.processes.empty()) return true;
  if (process == nullptr) return false;
  return std::ranges::any_of(request.processes, [&](const ProcessChoice& choice) {
    if (choice.key) return process->comment == "process=" + to_text(*choice.key);
    return process->pid == choice.pid;
  });
}

}  // namespace

Result<std::set<std::uint64_t>> choose_packets(const Request& request) {
  const auto log = query::PacketLog::open(request.log, request.identity);
  if (!log) return std::unexpected(log.error());
  std::set<std::uint64_t> numbers;
  const auto done =
      (*log)->scan({request.from, request.to}, [&](const query::LoggedPacket& logged) {
        if (logged.packet.id && is_wanted(request, logged.process))
          numbers.insert(*logged.packet.id);
        return query::PacketLog::Go::On;
      });
  if (!done) return std::unexpected(done.error());
  return numbers;
}

std::vector<std::uint64_t> packet_items(const std::set<std::uint64_t>& packets,
                                        std::string_view bytes) {
  std::vector<std::uint64_t> shown;
  const auto items = seal::split_items(seal::Stream::Packets, bytes);
  if (!items) return shown;
  for (std::uint64_t i = 0; i < items->size(); ++i) {
    const auto block = std::as_bytes(std::span((*items)[i]));
    const auto type = packet::load<std::uint32_t>(block, 0, std::endian::little);
    const auto number = store::packet_number(block);
    if (number ? packets.contains(*number)
               : type == packet::kSectionBlock || type == packet::kInterfaceBlock)
      shown.push_back(i);
  }
  return shown;
}

}  // namespace alibi::disclose
