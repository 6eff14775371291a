#pragma once
// Which process a packet belongs to: by the rules of flows (attribution.hpp),
// with what is known of its socket when the packet is written rather than when
// it passed. A worker is seen using a connection only after its first packets;
// they are written a tenth of a second later, and get its name.
//
// Bounded: what is known of a socket is kept for one to two seconds after it
// was last noted. What is gone makes a grade worse, never a name wrong.
// Thread: drain.

#include <array>
#include <cstdint>
#include <unordered_map>

#include "recorder/attribution.hpp"
#include "recorder/translation.hpp"

namespace alibi::recorder {

class PacketOwners {
 public:
  explicit PacketOwners(Translation& shared) : shared_(shared) {}

  /// What a packet says of its socket, read ahead of its turn.
  void note(const alibi_packet& packet);
  /// A flow record was made of the socket: nothing better will come.
  void note(std::uint64_t cookie, const Attribution& found, BootNs when);

  [[nodiscard]] Attribution owner_of(const alibi_packet& packet, bool is_tcp, bool has_payload);

 private:
  struct Known {
    alibi_process_key process{};
    std::uint8_t owner_by = ALIBI_OWNER_NOBODY;
    bool is_final = false;
    Attribution found;  ///< where final
  };
  using Sockets = std::unordered_map<std::uint64_t, Known>;

  Known& at(std::uint64_t cookie, BootNs when);
  [[nodiscard]] const Known* find(std::uint64_t cookie) const;
  [[nodiscard]] Attribution judge(const alibi_packet& packet, bool is_tcp,
                                  alibi_process_key process, std::uint8_t owner_by);

  Translation& shared_;
  Sockets young_, old_;  ///< noted in this second, and in the one before
  BootNs next_turn_;
  struct Noted {
    std::uint64_t cookie = 0;
    alibi_process_key process{};
    std::uint8_t owner_by = ALIBI_OWNER_NOBODY;
  };
  /// Of cookies modulo its size: the bulk of packets is of few sockets.
  std::array<Noted, 16> last_noted_{};
};

}  // namespace alibi::recorder
