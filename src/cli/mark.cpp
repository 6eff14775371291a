// alibi mark

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/log_options.hpp"
#include "cli/output.hpp"
#include "cli/quantity.hpp"
#include "cli/time_argument.hpp"
#include "mark/names_file.hpp"
#include "mark/network_key.hpp"
#include "mark/sender.hpp"
#include "mark/service.hpp"

namespace alibi::cli {
namespace {

using mark::Request;
using Action = Request::Action;

constexpr const char* kUsage =
    "give on, off, add CATEGORY CODE, del CATEGORY [CODE], del all, list or serve";

std::string diagnosis_text(const mark::ListedDiagnosis& diagnosis,
                           const event::DiagnosisNames& names, report::Zone zone) {
  const WallNs time{std::int64_t{diagnosis.time_s} * 1'000'000'000};
  std::string text = fmt::format(
      "  {:<20} since {}", names.text(diagnosis.category, diagnosis.code), date_time(time, zone));
  if (diagnosis.end) text += ", until " + date_time(*diagnosis.end, zone);
  const auto meaning = names.meaning(diagnosis.category, diagnosis.code);
  return text + (meaning.empty() ? "" : "  " + meaning) + "\n";
}

std::string listing_text(const mark::Listing& listing, const event::DiagnosisNames& names,
                         const report::Style& style) {
  const auto& packets = listing.counters;
  std::string text = fmt::format(
      "marking is {}{}\n",
      style.paint(listing.is_on ? report::Ink::Warn : report::Ink::Plain,
                  listing.is_on ? "on" : "off"),
      listing.version == 2 ? fmt::format(", version 2, key {}", listing.key_number) : "");
  for (const auto& diagnosis : listing.diagnoses)
    text += diagnosis_text(diagnosis, names, style.zone);
  if (listing.diagnoses.empty()) text += "  no diagnosis\n";
  if (listing.is_on)
    text +=
        fmt::format("{} guarded; marked {} by sockets, {} by the guard, {} datagrams\n",
                    report::count_text(listing.guarded_devices, "device"), __u64{packets.by_socket},
                    __u64{packets.by_guard}, __u64{packets.datagrams});
  return text;
}

class Mark : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("what", words_,
                   "on, off, add CATEGORY CODE, del CATEGORY [CODE], del all, list, serve")
        ->type_name("WORD")
        ->required();
    app.add_option("--at", at_, "When it was found (add); default: now")->type_name("TIME");
    app.add_option("--ttl", ttl_, "Ends by itself after this (add)")->type_name("DURATION");
    app.add_option("--key", key_, "Sign marks with this key (on): version 2")
        ->type_name("NUMBER:FILE");
    app.add_option("--dev", settings_.devices,
                   "Guard only these devices, of this network namespace (on, serve)")
        ->type_name("IF");
    app.add_option("--cgroup", settings_.cgroup, "Mark only sockets of this cgroup2 directory (on)")
        ->type_name("DIR");
    app.add_option("--pins", settings_.pins, "Where the programs are pinned")->type_name("DIR");
    app.add_option("--socket", socket_, "Socket of 'alibi mark serve'")->type_name("FILE");
    directory_.declare(app);
    style_.declare(app);
  }

  Result<int> run() override {
    auto names = mark::read_names();
    if (!names) return std::unexpected(names.error());
    names_ = std::move(*names);
    const bool is_root = ::geteuid() == 0;
    mark::Sender sender(settings_, directory_.value());
    if (words_ == std::vector<std::string>{"serve"}) {
      catch_interrupts();
      const auto served = mark::serve(sender, socket_, names_, was_interrupted);
      return served ? Result<int>(0) : std::unexpected(served.error());
    }
    const auto request = make_request();
    if (!request) return std::unexpected(request.error());
    const auto format = make_format(request->action);
    if (!format) return std::unexpected(format.error());
    const auto listing =
        is_root
            ? sender.act(*request, {static_cast<std::uint32_t>(::getpid()), ::getuid(), "command"},
                         *format)
            : mark::ask(socket_, *request);
    if (!listing) return std::unexpected(listing.error());
    return print(*request, *listing);
  }

 private:
  Result<Request> make_request() const {
    const std::string& verb = words_[0];
    const std::size_t count = words_.size();
    if (verb != "add" && (!at_.empty() || !ttl_.empty()))
      return fail(Errc::Usage, "--at and --ttl belong to add");
    if (count == 1 && verb == "on") return Request{.action = Action::On};
    if (count == 1 && verb == "off") return Request{.action = Action::Off};
    if (count == 1 && verb == "list") return Request{.action = Action::List};
    if (count == 2 && verb == "del" && words_[1] == "all") return Request{.action = Action::Delete};
    if ((verb == "add" && count == 3) || (verb == "del" && (count == 2 || count == 3)))
      return diagnosis_request();
    return fail(Errc::Usage, kUsage);
  }

  Result<Request> diagnosis_request() const {
    Request request{.action = words_[0] == "add" ? Action::Add : Action::Delete};
    request.category = names_.find_category(words_[1]);
    if (!request.category || *request.category == 0)
      return fail(Errc::Usage, fmt::format("'{}' is no category; docs/marking.md has them, and "
                                           "128 to 255 are yours",
                                           words_[1]));
    if (words_.size() == 3) {
      const auto code = parse_size(words_[2]);
      if (!code || *code > 255)
        return fail(Errc::Usage, fmt::format("'{}' is no code from 0 to 255", words_[2]));
      request.code = static_cast<std::uint8_t>(*code);
    }
    return with_times(request);
  }

  Result<Request> with_times(Request request) const {
    if (!at_.empty()) {
      const auto moment = parse_moment(at_, wall_now(), style_.zone());
      if (!moment) return std::unexpected(moment.error());
      const std::int64_t seconds = moment->first.ns / 1'000'000'000;
      if (seconds < 0 || seconds > 0xffffffffLL)
        return fail(Errc::Usage, fmt::format("'{}' is not between 1970 and 2106", at_));
      request.time_s = static_cast<std::uint32_t>(seconds);
    }
    if (!ttl_.empty()) {
      const auto ms = parse_duration_ms(ttl_);
      if (!ms || *ms < 1000 || *ms / 1000 > mark::kMaxTtlS)
        return fail(Errc::Usage,
                    fmt::format("'{}' is no duration like 90s, 30min, 12h or 1d", ttl_));
      request.ttl_s = static_cast<std::uint32_t>(*ms / 1000);
    }
    return request;
  }

  Result<std::optional<mark::Format>> make_format(Action action) const {
    if (action != Action::On && !key_.empty()) return fail(Errc::Usage, "--key belongs to on");
    if (action != Action::On) return std::optional<mark::Format>{};
    if (key_.empty()) return std::optional(mark::Format{});
    mark::Format format{.version = 2};
    const auto colon = key_.find(':');
    const auto number = parse_size(key_.substr(0, colon));
    if (colon == std::string::npos || !number || *number >= ALIBI_MARK_KEYS_MAX)
      return fail(Errc::Usage, "--key is NUMBER:FILE, the number from 0 to 15");
    const auto key = mark::read_network_key(key_.substr(colon + 1));
    if (!key) return std::unexpected(key.error());
    format.key_number = static_cast<std::uint32_t>(*number);
    format.key = *key;
    return std::optional(format);
  }

  Result<int> print(const Request& request, const mark::Listing& listing) const {
    Output out;
    if (style_.is_json)
      out.write(to_json(listing, names_) + "\n");
    else
      out.write(listing_text(listing, names_, style_.style()));
    const auto printed = out.finish();
    if (request.action == Action::Add && !listing.is_on)
      fmt::print(stderr,
                 "alibi mark: noted; marking is off, so no packet says it ('alibi mark on')\n");
    return printed;
  }

  std::vector<std::string> words_;
  std::string at_;
  std::string ttl_;
  std::string key_;
  std::string socket_ = mark::kSocket;
  mark::Settings settings_;
  event::DiagnosisNames names_;
  DirectoryOption directory_;
  StyleOptions style_;
};

}  // namespace

std::unique_ptr<Command> make_mark() { return std::make_unique<Mark>(); }

}  // namespace alibi::cli
