#pragma once
// Does real things and looks whether the sensors report them: a fork, an exec,
// a failed exec, connections to ourselves (self_test_actions.hpp). A sensor that stays
// silent is failed, whatever its attach call said.

#include <vector>

#include "event/record.hpp"
#include "recorder/pipeline.hpp"
#include "recorder/self_test_actions.hpp"

namespace alibi::recorder {

struct SensorProof {
  std::string sensor;
  bool was_seen = false;
  std::string action;  ///< what was done, for people
};

/// Which of the actions stand in `records`. Actions this machine could not do
/// (such as a loopback that is down) prove nothing and are left out.
[[nodiscard]] std::vector<SensorProof> find_proofs(const SelfTestActions& actions,
                                                   const std::vector<event::Record>& records);

/// Runs the actions, waits up to three seconds for their records, corrects
/// `sensors`, and writes a `sensor` record for each one tested.
void check_sensors(Pipeline& pipeline, std::vector<SensorState>& sensors);

}  // namespace alibi::recorder
