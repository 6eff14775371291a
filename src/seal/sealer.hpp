#pragma once
// Seals a log while it is written, on a thread of its own (`alibi-seal`, normal
// priority). The store tells it what is durable and never waits for it.
// docs/seal-format.md section 8.
//
// open -> LogWriter::open(..., &sealer) -> start -> stop; the writer goes first.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "seal/seal_layout.hpp"
#include "seal/seal_work.hpp"
#include "seal/witnessing.hpp"
#include "store/disk.hpp"
#include "store/sealing.hpp"

namespace alibi::seal {

class Sealer final : public store::Sealing, private Receipts {
 public:
  /// Touches nothing: that is begin()'s.
  Sealer(SealLayout layout, Session session, MakeWitnessing make_witnessing,
         store::Disk& disk = store::real_disk());
  /// Without stop() the log looks as if the recorder had died.
  ~Sealer() override;

  /// Begins to seal what was told since begin(). After the caller has given up
  /// privileges: the thread has no more than it.
  void start();
  /// Seals all that was told, tells the end of the run, waits a few seconds for
  /// witnesses. The store must not tell anything any more.
  Status stop(const std::string& reason);

  /// Thread: any.
  [[nodiscard]] SealState state();

  // store::Sealing
  Status begin(const store::Recovered& recovered) override;
  [[nodiscard]] std::uint64_t last_sealed(store::SealStream stream) override;
  void block_synced(const store::SyncedBlock& block) override;
  void record_synced(store::SyncedRecord record) override;
  void urgent() override;
  Status file_packed(const store::PackedPair& pair) override;
  Status about_to_delete(const store::Deletion& deletion) override;

 private:
  // Receipts
  void cosigned(std::uint64_t size, std::string note, std::string name) override;
  void stamped(std::uint64_t size, std::string token, std::string name, std::string time) override;
  void fault(std::string result, std::string error) override;

  using Task = std::function<void(SealWork&)>;
  void give(Task task);
  /// Waits until the thread has done what `task` orders, or could not.
  Status ask(std::function<void(SealWork&, SealWork::Done)> task);
  void run(const std::stop_token& stop);
  void work_once();
  void keep_state();

  store::Disk& disk_;
  SealLayout layout_;
  Session session_;
  MakeWitnessing make_witnessing_;
  std::unique_ptr<SealWork> work_;  ///< the thread's, once it runs
  std::unique_ptr<Witnessing> witnessing_;
  std::vector<std::string> recipients_;  ///< since begin()

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Task> tasks_;
  bool is_running_ = false;
  SealState state_;
  std::jthread thread_;
};

}  // namespace alibi::seal
