#pragma once
// Whom to tell, and how (docs/marking.md, section 9).

#include <cstdint>
#include <string>
#include <vector>

namespace alibi::notify {

struct Person {
  std::string name;
  std::string mail;       ///< address; empty: no mail
  std::string messenger;  ///< IP Messenger: host or host:port (2425)
  std::string desktop;    ///< address of the user's D-Bus, such as unix:path=/run/user/1000/bus
  std::string webhook;    ///< URL that takes a POST of JSON
  std::vector<std::string> sound;  ///< program and arguments that make a noise
  bool is_syslog = false;
  bool is_wall = false;  ///< a line on the terminals of who is logged in
};

struct Settings {
  std::vector<Person> persons;
  std::string smtp;  ///< smtp:// or smtps:// URL of the mail server
  std::string from;  ///< sender of mails; empty: alibi@ and the name of this host
  std::uint64_t interval_ms = 600'000;  ///< between reports of one host and category
  std::uint64_t retry_ms = 10'000;      ///< before the second attempt; doubles up to an hour
  std::uint64_t keep_ms =
      7ULL * 86'400'000;  ///< after this what cannot be delivered is given up, and told
};

}  // namespace alibi::notify
