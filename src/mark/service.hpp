#pragma once
// Marking on a local socket, so that any detector can call it: SOCK_SEQPACKET,
// one request (request.hpp) per message, one answer: the listing as JSON, or
// "error N text" with N of Errc. Who may connect the socket's mode decides (0660,
// group alibi-mark); who asked is known by SO_PEERCRED and recorded.
//
// Besides it follows what changes on the host: new devices and namespaces are
// guarded, and the clock's offset is kept. Marks do not need it to live.
// Thread: one.

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "mark/sender.hpp"

namespace alibi::mark {

inline constexpr const char* kSocket = "/run/alibi/mark.sock";
inline constexpr const char* kGroup = "alibi-mark";

/// Serves until `was_interrupted` says so: on the socket systemd hands over, or
/// on `path`, which is made. `names` for the answers. Errors: Denied, Io.
Status serve(Sender& sender, const std::filesystem::path& path, const event::DiagnosisNames& names,
             const std::function<bool()>& was_interrupted);

/// Asks a service. Errors: NotFound (none is there), Denied, and what it answers.
Result<Listing> ask(const std::filesystem::path& path, const Request& request);

}  // namespace alibi::mark
