// alibi packets

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>
#include <map>
#include <thread>

#include "cli/capture_file.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/time_argument.hpp"
#include "mark/names_file.hpp"
#include "packet/filter.hpp"
#include "query/packet_log.hpp"
#include "query/payload_requests.hpp"
#include "query/requests.hpp"
#include "report/packet_text.hpp"

namespace alibi::cli {
namespace {

using Go = query::PacketLog::Go;
using query::LoggedPacket;

constexpr auto kPollInterval = std::chrono::milliseconds(100);
/// A live line waits so long for the event record about it.
constexpr std::int64_t kPatienceNs = 300'000'000;
constexpr std::int64_t kRequestAgeNs = 60'000'000'000;

/// Losses stand at the packet after them; where that one is not shown, they
/// move to the next one of its interface that is.
class Losses {
 public:
  void keep(const LoggedPacket& logged) {
    if (logged.packet.dropped != 0) kept_[logged.interface.name] += logged.packet.dropped;
  }
  [[nodiscard]] std::uint64_t take(const LoggedPacket& logged) {
    const auto node = kept_.extract(logged.interface.name);
    return logged.packet.dropped + (node ? node.mapped() : 0);
  }
  void tell_rest() const {
    for (const auto& [interface, packets] : kept_)
      fmt::print(stderr, "alibi packets: lost on {} after what is shown: {}\n",
                 interface.empty() ? "an interface without a name" : report::printable(interface),
                 report::count_text(packets, "packet"));
  }

 private:
  std::map<std::string, std::uint64_t> kept_;
};

/// A packet of a live view, kept until its line is due.
struct Waiting {
  Waiting(const LoggedPacket& logged, const query::Request* found)
      : packet(logged.packet),
        bytes(logged.packet.bytes.begin(), logged.packet.bytes.end()),
        comment(logged.packet.comment),
        interface(logged.interface) {
    if (logged.process) process = *logged.process;
    if (found) request = *found;
    packet.bytes = bytes;
    packet.comment = comment;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  std::int64_t due_ns = boot_clock_ns() + kPatienceNs;
  packet::Packet packet;
  std::vector<std::byte> bytes;
  std::string comment;
  packet::Interface interface;
  std::optional<packet::ProcessInfo> process;
  std::optional<query::Request> request;  ///< found in the packet itself

  static std::int64_t boot_clock_ns() { return static_cast<std::int64_t>(boot_now().ns); }
};

class Packets : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("filter", words_, "Only packets that match, as of pcap-filter(7)")
        ->type_name("FILTER");
    app.add_option("--from", from_, "From this time on")->type_name("TIME");
    app.add_option("--to", to_, "Up to this time")->type_name("TIME");
    app.add_option("--read", read_, "Packets of a capture file (pcap, pcapng; gzip, zstd)")
        ->type_name("FILE");
    app.add_option("-w,--write", write_, "Write a pcapng file with processes, '-' to a pipe")
        ->type_name("FILE");
    app.add_flag("--bodies", has_bodies_,
                 "Also the bodies of HTTP requests, of which the payload was recorded");
    app.add_flag("--follow", is_follow_, "Go on with new packets until interrupted");
    directory_.declare(app);
    style_.declare(app);
  }

  Result<int> run() override {
    if (auto done = check(); !done) return std::unexpected(done.error());
    if (auto done = open(); !done) return std::unexpected(done.error());
    const auto done = is_follow_ ? follow() : scan();
    tell_damage();
    if (!done) {
      (void)out_.finish();
      return std::unexpected(done.error());
    }
    return finish();
  }

 private:
  Status check() {
    if (!write_.empty() && style_.is_json) return fail(Errc::Usage, "give -w or --json, not both");
    if (!write_.empty() && has_bodies_)
      return fail(Errc::Usage, "-w writes packets as they were recorded: leave out --bodies");
    if (!read_.empty() && is_follow_)
      return fail(Errc::Usage,
                  "--follow shows what is being recorded, not a file: leave out --read");
    if (!read_.empty() && !directory_.directory.empty())
      return fail(Errc::Usage, "give --dir or --read, not both");
    const auto range = parse_range(from_, to_, wall_now(), style_.zone());
    if (!range) return std::unexpected(range.error());
    range_ = *range;
    std::string expression;
    for (const std::string& word : words_)
      expression += (expression.empty() ? "" : " ") + word;
    auto filter = packet::Filter::compile(expression);
    if (!filter) return std::unexpected(filter.error());
    filter_ = std::move(*filter);
    return {};
  }

  Status open() {
    auto log = !read_.empty() ? query::PacketLog::open_file(read_)
               : is_follow_   ? query::PacketLog::open_live(directory_.value(), directory_.identity)
                              : query::PacketLog::open(directory_.value(), directory_.identity);
    if (!log) {
      Error error = log.error();
      if (error.code == Errc::NotFound && read_.empty())
        error.message += "; is the directory right (--dir), and were packets recorded?";
      return std::unexpected(std::move(error));
    }
    log_ = std::move(*log);
    // Without an event log there are packets without their requests.
    if (read_.empty()) {
      tell_encrypted(directory_);
      if (auto events = store::LogReader::open(directory_.value(), directory_.identity))
        events_ = std::move(*events);
    }
    if (is_follow_ && !range_.from) range_.from = wall_now();
    requests_.emplace(is_follow_ ? nullptr : events_.get(), range_);
    if (!read_.empty() || has_bodies_) payload_requests_.emplace(has_bodies_);
    auto names = mark::read_names();
    if (!names) return std::unexpected(names.error());
    lines_.emplace(style_.style(), std::move(*names));
    if (write_.empty()) return {};
    auto file = CaptureFile::create(write_, read_);
    if (!file) return std::unexpected(file.error());
    file_ = std::move(*file);
    return {};
  }

  Status scan() {
    Status failed;
    const auto done = log_->scan(range_, [&](const LoggedPacket& logged) {
      failed = take(logged, [&](const LoggedPacket& shown, const query::Request* found) {
        return show(shown, found);
      });
      return failed && out_.is_open() ? Go::On : Go::Stop;
    });
    return failed ? done : failed;
  }

  /// The packet with the losses before it, and what was found in it, to `use`, if it matches.
  template <typename Use>
  Status take(const LoggedPacket& logged, const Use& use) {
    // Also of packets that are not shown: they may have the other half of a request.
    const query::Request* const found =
        payload_requests_ && !file_
            ? payload_requests_->add(logged.packet, decode_headers(logged.packet))
            : nullptr;
    const auto is_match = filter_->matches(logged.packet);
    if (!is_match) return std::unexpected(is_match.error());
    if (!*is_match) {
      losses_.keep(logged);
      return {};
    }
    ++count_;
    packet::Packet packet = logged.packet;
    packet.dropped = losses_.take(logged);
    return use({packet, logged.interface, logged.process, logged.names, logged.segment_number},
               found);
  }

  Status show(const LoggedPacket& logged, const query::Request* found) {
    const packet::Headers headers = decode_headers(logged.packet);
    if (file_) return file_->write(logged, headers);
    const auto of_log = requests_->find(logged.packet, headers);
    if (!of_log) return std::unexpected(of_log.error());
    const report::PacketView view{logged, headers, found ? found : *of_log};
    out_.write(style_.is_json ? report::to_json(view) + "\n" : lines_->next(view));
    return {};
  }

  Status follow() {
    catch_interrupts();
    Status failed;
    const auto go_on = [&] {
      failed = poll();
      return failed && !was_interrupted() && out_.is_open();
    };
    if (!events_ || file_) {
      while (go_on())
        std::this_thread::sleep_for(kPollInterval);
      return failed;
    }
    // The event log sets the pace: it asks at least every 100 ms whether to go on.
    const auto done = events_->follow(
        {.from = range_.from},
        [&](const store::BootRecord& entry) {
          requests_->add(entry.record);
          return store::LogReader::Go::On;
        },
        go_on);
    return failed ? done : failed;
  }

  Status poll() {
    Status failed;
    query::PacketLog::Visit visit = [&](const LoggedPacket& logged) {
      failed = take(logged, [&](const LoggedPacket& shown, const query::Request* found) {
        if (file_) return show(shown, found);
        waiting_.push_back(std::make_unique<Waiting>(shown, found));
        return Status();
      });
      return failed ? Go::On : Go::Stop;
    };
    const auto go = log_->read_new(range_, visit);
    if (!failed) return failed;
    if (!go) return std::unexpected(go.error());
    tell_damage();
    if (file_) return file_->flush();
    return show_due(was_interrupted());
  }

  Status show_due(bool is_all) {
    while (!waiting_.empty() && (is_all || waiting_.front()->due_ns <= Waiting::boot_clock_ns())) {
      const Waiting& one = *waiting_.front();
      if (auto done =
              show({one.packet, one.interface, one.process ? &*one.process : nullptr, no_names_, 0},
                   one.request ? &*one.request : nullptr);
          !done)
        return done;
      waiting_.pop_front();
    }
    requests_->forget_before({wall_now().ns - kRequestAgeNs});
    out_.flush();
    return {};
  }

  void tell_damage() {
    for (; damage_told_ < log_->damage().size(); ++damage_told_)
      fmt::print(stderr, "alibi: damaged: {}\n",
                 report::printable(log_->damage()[damage_told_].message));
  }

  Result<int> finish() {
    losses_.tell_rest();
    if (file_) {
      if (auto done = file_->finish(); !done) return std::unexpected(done.error());
      fmt::print(stderr, "alibi packets: {} written to {}\n", report::count_text(count_, "packet"),
                 write_ == "-" ? "standard output" : write_);
    } else if (count_ == 0 && !is_follow_) {
      fmt::print(stderr, "alibi packets: no packet matches\n");
    }
    const auto printed = out_.finish();
    if (!printed) return printed;
    return log_->damage().empty() ? 0 : static_cast<int>(log_->damage().front().code);
  }

  std::vector<std::string> words_;
  std::string from_, to_, read_, write_;
  bool is_follow_ = false;
  bool has_bodies_ = false;
  LogOption directory_;
  StyleOptions style_;

  query::TimeRange range_;
  std::unique_ptr<packet::Filter> filter_;
  std::unique_ptr<query::PacketLog> log_;
  std::unique_ptr<store::LogReader> events_;
  std::optional<query::Requests> requests_;
  std::optional<query::PayloadRequests> payload_requests_;
  std::optional<report::PacketLines> lines_;
  std::unique_ptr<CaptureFile> file_;
  std::deque<std::unique_ptr<Waiting>> waiting_;
  const std::vector<packet::HostName> no_names_;
  Losses losses_;
  Output out_;
  std::uint64_t count_ = 0;
  std::size_t damage_told_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_packets() { return std::make_unique<Packets>(); }

}  // namespace alibi::cli
