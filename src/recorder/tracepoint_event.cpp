#include "recorder/tracepoint_event.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace alibi::recorder {

Result<UniqueFd> attach_tracepoint(int program_fd, std::string_view tracepoint) {
  std::ifstream file(fmt::format("/sys/kernel/tracing/events/{}/id", tracepoint));
  perf_event_attr attributes{};
  if (!(file >> attributes.config))
    return fail_errno(ENOENT, fmt::format("read the id of {}", tracepoint));
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof attributes;
  attributes.sample_period = 1;
  // A program on a tracepoint runs on all CPUs, whichever the event names.
  UniqueFd event(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event.is_open()) return fail_errno(errno, fmt::format("perf_event_open {}", tracepoint));
  if (::ioctl(event.get(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0 ||
      ::ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0)
    return fail_errno(errno, fmt::format("attach to {}", tracepoint));
  return event;
}

}  // namespace alibi::recorder
