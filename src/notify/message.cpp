#include "notify/message.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace alibi::notify {
namespace {

constexpr std::array<std::string_view, 7> kChannels = {"mail",   "messenger", "desktop", "webhook",
                                                       "syslog", "sound",     "wall"};

}  // namespace

std::string_view to_text(Channel channel) { return kChannels[static_cast<std::size_t>(channel)]; }

std::string to_json(const Message& message) {
  const nlohmann::ordered_json json = {{"channel", to_text(message.channel)},
                                       {"target", message.target},
                                       {"server", message.server},
                                       {"from", message.from},
                                       {"id", message.id},
                                       {"subject", message.subject},
                                       {"text", message.text},
                                       {"created_s", message.created_s},
                                       {"next_try_s", message.next_try_s},
                                       {"attempts", message.attempts}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Result<Message> parse_message(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    const auto at = std::ranges::find(kChannels, json.at("channel").get<std::string>());
    if (at == kChannels.end()) return fail(Errc::Corrupt, "no such channel");
    Message message;
    message.channel = static_cast<Channel>(at - kChannels.begin());
    json.at("target").get_to(message.target);
    json.at("server").get_to(message.server);
    json.at("from").get_to(message.from);
    json.at("id").get_to(message.id);
    json.at("subject").get_to(message.subject);
    json.at("text").get_to(message.text);
    json.at("created_s").get_to(message.created_s);
    json.at("next_try_s").get_to(message.next_try_s);
    json.at("attempts").get_to(message.attempts);
    const bool needs_target =
        message.channel != Channel::Syslog && message.channel != Channel::Wall;
    if (needs_target && message.target.empty()) return fail(Errc::Corrupt, "no target");
    return message;
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::Corrupt, error.what());
  }
}

Status deliver(const Message& message) {
  switch (message.channel) {
    case Channel::Mail: return send_mail(message);
    case Channel::Messenger: return send_messenger(message);
    case Channel::Desktop: return notify_desktop(message);
    case Channel::Webhook: return post_webhook(message);
    case Channel::Syslog: return write_syslog(message);
    case Channel::Sound: return run_command(message.target, {});
    case Channel::Wall: return run_command({"wall"}, message.subject + "\n" + message.text);
  }
  return fail(Errc::Internal, "a channel without a transport");
}

}  // namespace alibi::notify
