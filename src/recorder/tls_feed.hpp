#pragma once
// Requests inside TLS, from the probes to the records. Opt-in: made only with
// Options::tls_requests. Thread: drain; libraries() as the pipeline's state.

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "recorder/loss_ledger.hpp"
#include "recorder/perf_record.hpp"
#include "recorder/ring_reader.hpp"
#include "recorder/tls_probes.hpp"
#include "recorder/tls_translator.hpp"

namespace alibi::recorder {

class TlsFeed {
 public:
  static constexpr std::uint32_t kRingBytes = 4U << 20;

  /// Loads, and attaches to what is there. `shared` outlives it. Errors: of TlsProbes.
  static Result<std::unique_ptr<TlsFeed>> start(Translation& shared);

  [[nodiscard]] int ring_fd() const { return probes_->ring_fd(); }
  /// To be asked before the process ring is read: what stands before it is of
  /// processes that the ring has told of.
  [[nodiscard]] std::uint64_t producer() const { return ring_->producer(); }
  /// Translates what stands before `limit` and gives the space back at once: the
  /// ring ends with this recorder, so there is nobody to read it again. Returns
  /// the number of records that were not understood.
  std::uint64_t read(std::uint64_t limit);

  /// Memory became executable somewhere.
  void on_mapping(const perf::MapExec& mapping);
  /// Once a second: losses, and libraries that are new since the last call.
  void tell(LossLedger& losses, BootNs now);

  [[nodiscard]] const std::vector<TlsLibrary>& libraries() const { return probes_->libraries(); }
  [[nodiscard]] const std::string& flow_fault() const { return probes_->flow_fault(); }

 private:
  explicit TlsFeed(Translation& shared) : shared_(shared), translator_(shared) {}

  Translation& shared_;
  TlsTranslator translator_;
  std::unique_ptr<TlsProbes> probes_;
  std::unique_ptr<RingReader> ring_;
  std::size_t told_ = 0;  ///< of libraries()
};

}  // namespace alibi::recorder
