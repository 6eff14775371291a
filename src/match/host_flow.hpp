#pragma once
// What a host's log says about flows, reduced to what the matcher compares, and
// what the host could have said: its addresses, and when it was recording.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event/record.hpp"
#include "match/capture_flow.hpp"

namespace alibi::match {

/// What the host's own packet log has of a flow.
struct Wire {
  Sent from_local;
  Sent from_remote;
};

struct HostFlow {
  std::size_t host = 0;   ///< index of Facts::hosts
  std::size_t clock = 0;  ///< index of Facts::clocks
  std::string proto;
  event::Endpoint local;
  event::Endpoint remote;
  std::int64_t start_ns = 0;  ///< on that clock
  std::optional<std::int64_t> end_ns;
  bool has_process = false;
  std::string process;     ///< pid@start, to compare
  bool is_shared = false;  ///< the log itself cannot name one process
  bool is_cleanly_closed = false;
  std::optional<std::uint64_t> bytes_out;
  std::optional<std::uint64_t> bytes_in;
  std::optional<Wire> wire;
};

struct Interval {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

struct Host {
  std::string name;
  std::set<event::IpAddress> addresses;  ///< its own, without loopback
  std::vector<Interval> recorded;        ///< when it kept a log of flows
  std::vector<Interval> lossy;           ///< when events are known to be missing
  bool has_bad_sensor = false;           ///< a network sensor failed or was detached
  bool is_partial = false;               ///< imported, or of one command: other flows may exist
};

/// A host's log may have several clocks: Sysmon's connection events are stamped by
/// one of their own.
struct Clock {
  std::size_t host = 0;
  std::string name;               ///< "" for the host's clock, "sysmon:3", "security:5156"
  std::int64_t precision_ns = 1;  ///< all its times are multiples of this
};

struct Facts {
  std::vector<CaptureFlow> capture;
  std::vector<HostFlow> flows;
  std::vector<Host> hosts;
  std::vector<Clock> clocks;
  std::int64_t capture_start_ns = 0;  ///< time of the first packet
};

}  // namespace alibi::match
