#pragma once
// Kernel to log: two threads and a queue between them.
//
//   drain thread: rings, perf, connector -> log records, attributed and sorted
//   store thread: LogWriter (numbers, writes, syncs), then releases the rings
//
// The drain thread never touches the disk. Ring space goes back to the kernel
// only after write(2) of what was read from it, so a crash at any point delivers
// it again, and the source numbers in the log tell what was written already.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "recorder/batch_queue.hpp"
#include "recorder/conversations.hpp"
#include "recorder/image_inspector.hpp"
#include "recorder/loss_ledger.hpp"
#include "recorder/network_translator.hpp"
#include "recorder/packet_feed.hpp"
#include "recorder/packet_translator.hpp"
#include "recorder/perf_side_band.hpp"
#include "recorder/probes.hpp"
#include "recorder/proc_connector.hpp"
#include "recorder/process_translator.hpp"
#include "recorder/ring_reader.hpp"
#include "recorder/side_band_check.hpp"
#include "recorder/tls_feed.hpp"
#include "store/log_writer.hpp"
#include "store/packet_capture.hpp"
#include "store/packet_writer.hpp"

namespace alibi::recorder {

class Pipeline {
 public:
  enum class Scope : std::uint8_t { Machine, TrackedOnly };

  /// Where it all goes. No packets: null.
  struct Stores {
    std::unique_ptr<store::LogWriter> log;
    std::unique_ptr<store::PacketWriter> packets;
    std::unique_ptr<store::PacketCapture> capture;
    std::unique_ptr<packet::Filter> payload_filter;
  };

  /// Everything but the threads. `clock` and `probes` outlive it.
  /// Errors: of RingReader and LogWriter.
  static Result<std::unique_ptr<Pipeline>> make(const Options& options, Scope scope, Probes& probes,
                                                WallClock& clock, Stores stores);
  ~Pipeline();

  /// Records of the recorder itself, written before anything else.
  void add_record(event::Record record);

  /// A record that another process of Alibi handed over (store/inbox.hpp). Its
  /// process is found by `pid` and `start_us` of extra.
  void add_handed_over(event::Record record);

  /// Starts both threads. `begin_snapshot`: walk what exists already.
  void start(bool begin_snapshot);

  /// Returns once what existed before is in the process table, so that what
  /// happens from now on is told of by processes that are known.
  void wait_until_walked() const { is_walked_.wait(false); }

  /// Reads the rings to their end, tells every open flow as it stands, writes
  /// all, ends the threads. `last` becomes the last record.
  Status stop(std::optional<event::Record> last);

  /// Puts what this process forks from now on, and all descendants, in scope.
  void track_children_of(std::uint32_t pid);
  /// Records about processes with these pids that exist already are in scope.
  void put_in_scope(std::vector<std::uint32_t> pids);
  [[nodiscard]] std::size_t living_tracked();

  /// While watched, copies of all records are kept for the self-test. Short.
  void watch(bool is_watched);
  [[nodiscard]] std::vector<event::Record> watched();

  struct Counts {
    store::Totals log;
    store::PacketTotals packets;
    std::uint64_t lost = 0;
    std::map<std::string, std::uint64_t> lost_by_reason;
    std::uint64_t skipped_by_kernel = 0;  ///< recursion_misses
    std::uint64_t processes = 0;          ///< forked, of a command only
    std::uint64_t flows = 0;              ///< of a command only
    std::size_t living = 0;
    BootNs drained;                         ///< the rings were empty then
    std::vector<TlsLibrary> tls_libraries;  ///< with Options::tls_requests
  };
  [[nodiscard]] Counts counts();

  /// Sensors that are not BPF programs.
  [[nodiscard]] const std::vector<SensorState>& other_sensors() const { return other_sensors_; }

 private:
  Pipeline(const Options& options, Scope scope, Probes& probes, WallClock& clock, Stores stores);

  void open_side_sensors();
  Status restore();
  store::LogWriter::SegmentHead segment_head();

  void drain_loop(bool begin_snapshot);
  void drain_once();
  void mark_side_band();
  void drain_side_band();
  bool drain_rings();
  void read_connector();
  void drain_predecessor();
  void finish_images();
  void refresh_perf(BootNs now);
  void on_bytes(alibi_ring ring, bool is_predecessor, std::span<const std::byte> bytes);
  void on_process_bytes(const alibi_header& header, std::span<const std::byte> bytes);
  void once_a_second(BootNs now, bool is_last);
  void sweep(BootNs now, bool is_last);
  void observe_losses(BootNs now);
  void recover_missed(BootNs now);
  void tell_final_count(const Process& process);
  void check_clock(BootNs now);
  Batch make_batch();
  void count(const event::Record& record);

  void store_loop();
  void store(Batch batch);

  const Options options_;
  const Scope scope_;
  Probes& probes_;
  WallClock& clock_;
  std::unique_ptr<store::LogWriter> log_;
  std::unique_ptr<store::PacketWriter> packet_log_;
  std::unique_ptr<store::PacketCapture> capture_;

  std::mutex state_mutex_;  // guards everything below up to the queue
  Translation shared_;
  std::optional<ImageInspector> inspector_;
  ProcessTranslator process_translator_;
  PacketOwners owners_;
  NetworkTranslator network_translator_;
  PacketTranslator packet_translator_;
  Conversations conversations_;
  LossLedger losses_;
  SideBandCheck check_;
  std::vector<event::ProcessKey> forgotten_;
  std::vector<ConversationEnd> ends_;
  std::optional<perf::PerfSideBand> perf_;
  std::optional<proc::ProcConnector> connector_;
  std::unique_ptr<TlsFeed> tls_;      ///< null: not asked for, or not possible
  std::vector<proc::Ptrace> traces_;  ///< read from the connector, not yet told
  std::uint64_t marked_at_ = 0;       ///< position in the process ring that the mark waits for
  bool is_marked_ = false;
  std::atomic<bool> is_walked_ = false;
  std::vector<SensorState> other_sensors_;
  std::uint64_t unknown_records_ = 0;
  std::uint64_t processes_ = 0;
  std::unordered_set<std::string> flows_;  // of a command; not kept for a machine
  BootNs next_second_;
  BootNs next_sweep_;
  BootNs next_walk_;
  BootNs drained_;
  std::uint64_t recursion_misses_ = 0;
  bool wants_walk_ = false;
  bool is_watched_ = false;
  std::vector<event::Record> watched_;

  std::unique_ptr<RingReader> process_ring_;
  std::unique_ptr<RingReader> network_ring_;
  std::unique_ptr<PacketFeed> packet_feed_;  ///< null: no packets
  std::uint64_t network_end_ = 0;
  std::uint64_t packet_end_ = 0;
  const BootNs start_ = boot_now();
  BatchQueue queue_;
  std::atomic<bool> is_stopping_ = false;
  std::mutex totals_mutex_;
  store::Totals totals_;
  store::PacketTotals packet_totals_;
  Status store_status_;
  std::thread drain_thread_;
  std::thread store_thread_;
};

}  // namespace alibi::recorder
