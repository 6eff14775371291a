#pragma once
// One conversation: what flow_open, flow_update, socket_use and flow_close
// records of one socket and one remote end say together.
//
// Attribution is repeated from the records, never made here, with one
// exception that only ever lowers it: when several processes are known to have
// used the socket the grade is at best `ambiguous`, and all are listed.

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "event/record.hpp"
#include "query/process.hpp"
#include "store/log_reader.hpp"

namespace alibi::query {

/// A process beside the one the flow is attributed to, or that one's share.
struct Holder {
  event::ProcessKey key;
  bool is_creator = false;  ///< made the socket
  bool is_user = false;     ///< was seen sending or receiving on it
  bool is_holder = false;   ///< had it in its descriptor table
  std::string how;          ///< of a user, as recorded, such as "send"
  std::optional<std::uint64_t> bytes_out;
  std::optional<std::uint64_t> bytes_in;
};

struct Flow {
  std::string boot_id;
  std::string id;
  std::string proto;
  std::optional<event::Endpoint> local;
  std::optional<event::Endpoint> remote;
  event::Direction direction = event::Direction::Unknown;
  BootNs start_boot;
  WallNs start;
  std::optional<WallNs> end;  ///< empty: not known to have ended
  WallNs last_seen;           ///< time of the latest record about it
  BootNs last_seen_boot;
  std::string state;  ///< `result` of the latest record
  std::string name;
  std::optional<std::uint64_t> bytes_out;
  std::optional<std::uint64_t> bytes_in;
  std::optional<event::ProcessKey> process;
  std::optional<event::ProcessKey> parent;  ///< as the record has it
  std::string user;
  std::string exe;  ///< as the record has it, may be empty
  std::vector<std::string> args;
  event::Grade grade = event::Grade::Unknown;
  std::string via;
  std::vector<Holder> holders;
};

[[nodiscard]] std::string community_id_of(const Flow& flow);

/// True for the kinds this merges.
[[nodiscard]] bool is_flow_kind(event::Kind kind);

class FlowMerger {
 public:
  /// Records in the order of the log.
  void add(const store::BootRecord& entry);
  /// Oldest first. Leaves the merger empty.
  [[nodiscard]] std::vector<Flow> take();

 private:
  using Id = std::tuple<std::string, std::string, std::string, std::optional<event::Endpoint>>;
  Flow& flow_of(const store::BootRecord& entry);

  std::vector<Flow> flows_;
  std::map<Id, std::size_t> latest_;
};

}  // namespace alibi::query
