#include "recorder/conversations.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace alibi::recorder {
namespace {

constexpr std::size_t kBatch = 1024;

std::uint64_t packets_of(const alibi_conversation& c) { return c.packets_in + c.packets_out; }

std::string bytes_of(const alibi_conversation_key& key) {
  return {reinterpret_cast<const char*>(&key), sizeof(key)};
}

std::string text_key(std::string_view flow, const event::Endpoint& remote, std::string_view proto) {
  return fmt::format("{}|{}|{}", flow, to_text(remote), proto);
}

struct Entry {
  alibi_conversation_key key;
  alibi_conversation value;
};

Result<std::vector<Entry>> read_table(int map_fd) {
  std::vector<Entry> all;
  std::vector<alibi_conversation_key> keys(kBatch);
  std::vector<alibi_conversation> values(kBatch);
  std::uint32_t position = 0;
  std::uint32_t* from = nullptr;
  for (;;) {
    std::uint32_t count = static_cast<std::uint32_t>(keys.size());
    const int error = -::bpf_map_lookup_batch(map_fd, from, &position, keys.data(), values.data(),
                                              &count, nullptr);
    if (error == ENOSPC) {  // one bucket holds more than fits
      keys.resize(keys.size() * 2);
      values.resize(keys.size());
      continue;
    }
    if (error != 0 && error != ENOENT) return fail_errno(error, "read conversations");
    for (std::uint32_t i = 0; i < count; ++i)
      all.push_back({keys[i], values[i]});
    if (error == ENOENT) return all;
    from = &position;
  }
}

}  // namespace

Conversations::State& Conversations::state_of(const alibi_conversation_key& key,
                                              const alibi_conversation& value) {
  auto [place, is_new] = states_.try_emplace(bytes_of(key));
  if (is_new && !restored_.empty()) {
    alibi_tuple tuple{};
    std::ranges::copy(key.remote, tuple.remote);
    tuple.remote_port = key.remote_port;
    tuple.family = key.family;
    tuple.protocol = key.protocol;
    const auto told = restored_.find(text_key(fmt::format("{:x}@{}", key.cookie, value.net_ns),
                                              remote_of(tuple), std::to_string(key.protocol)));
    if (told != restored_.end()) place->second = told->second;
  }
  return place->second;
}

Result<std::vector<ConversationEnd>> Conversations::sweep(BootNs now,
                                                          std::span<const std::uint64_t> released,
                                                          bool end_all, const Visit& visit) {
  using Moment = NetworkTranslator::Moment;
  auto table = read_table(map_fd_);
  if (!table) return std::unexpected(table.error());
  ++sweeps_;
  std::vector<ConversationEnd> ends;
  for (const auto& [key, value] : *table) {
    State& state = state_of(key, value);
    state.sweep = sweeps_;
    if (state.end_told_ns == value.last_ns) {  // told, perhaps by the recorder before us
      ends.push_back({key, value.last_ns});
      continue;
    }
    const bool is_released = std::ranges::find(released, key.cookie) != released.end();
    if (is_released || end_all || now.ns > value.last_ns + times_.idle_after_ns) {
      visit(key, value, Moment::Close, is_released ? "closed" : end_all ? "active" : "idle");
      state.end_told_ns = value.last_ns;
      ends.push_back({key, value.last_ns});
    } else if (!state.is_open_told && now.ns > value.first_ns + times_.open_after_ns) {
      visit(key, value, Moment::Open, "");
      state.is_open_told = true;
      state.told_ns = now.ns;
      state.told_packets = packets_of(value);
    } else if (state.is_open_told && now.ns > state.told_ns + times_.update_after_ns &&
               packets_of(value) != state.told_packets) {
      visit(key, value, Moment::Update, "");
      state.told_ns = now.ns;
      state.told_packets = packets_of(value);
    }
  }
  restored_.clear();
  std::erase_if(states_, [this](const auto& entry) { return entry.second.sweep != sweeps_; });
  return ends;
}

void Conversations::commit(std::span<const ConversationEnd> ends) const {
  for (const ConversationEnd& end : ends) {
    alibi_conversation value{};
    if (::bpf_map_lookup_elem(map_fd_, &end.key, &value) != 0 || value.last_ns != end.last_ns)
      continue;
    // 5.14 can look and delete at once; before, a packet between the two calls
    // is missing from the counts of this conversation.
    if (::bpf_map_lookup_and_delete_elem(map_fd_, &end.key, &value) != 0) {
      ::bpf_map_delete_elem(map_fd_, &end.key);
    } else if (value.last_ns != end.last_ns) {
      ::bpf_map_update_elem(map_fd_, &end.key, &value, BPF_NOEXIST);
    }
  }
}

void Conversations::restore(const event::Record& record) {
  using event::Kind;
  if (record.proto == "tcp" || !record.remote) return;
  if (record.kind != Kind::FlowOpen && record.kind != Kind::FlowUpdate &&
      record.kind != Kind::FlowClose)
    return;
  const std::string_view number = record.proto == "udp"     ? "17"
                                  : record.proto == "icmp"  ? "1"
                                  : record.proto == "icmp6" ? "58"
                                                            : std::string_view(record.proto);
  State& state = restored_[text_key(record.flow, *record.remote, number)];
  if (record.kind == Kind::FlowClose) {
    state.end_told_ns = record.boot.ns;
  } else {
    state.is_open_told = true;
    state.told_ns = record.boot.ns;
  }
}

}  // namespace alibi::recorder
