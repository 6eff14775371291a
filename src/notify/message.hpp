#pragma once
// One report to one person over one channel, as it waits on disk.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace alibi::notify {

enum class Channel : std::uint8_t { Mail, Messenger, Desktop, Webhook, Syslog, Sound, Wall };
[[nodiscard]] std::string_view to_text(Channel channel);

struct Message {
  Channel channel = Channel::Mail;
  std::vector<std::string> target;  ///< address, URL, ...; of Sound a command line
  std::string server;               ///< of Mail: URL of the mail server
  std::string from;
  std::string id;  ///< the same over all attempts, so that receivers can see repetitions
  std::string subject;
  std::string text;             ///< of Webhook JSON
  std::int64_t created_s = 0;   ///< Unix time
  std::int64_t next_try_s = 0;  ///< Unix time
  std::uint32_t attempts = 0;
};

[[nodiscard]] std::string to_json(const Message& message);
/// Errors: Corrupt.
[[nodiscard]] Result<Message> parse_message(std::string_view json);

/// Blocks until the other side has taken it, at most half a minute. Errors: Io,
/// Unsupported, Usage, with what went wrong.
Status deliver(const Message& message);

// One function for each kind of transport, each in a file of its own.
Status send_mail(const Message& message);
Status post_webhook(const Message& message);
Status send_messenger(const Message& message);
/// Whether a packet of IP Messenger confirms the message of that number:
/// "1:17:user:host:33:4711" (RECVMSG) confirms 4711.
[[nodiscard]] bool is_receipt(std::string_view packet, std::string_view number);
Status notify_desktop(const Message& message);
Status write_syslog(const Message& message);
Status run_command(const std::vector<std::string>& command, const std::string& input);

}  // namespace alibi::notify
