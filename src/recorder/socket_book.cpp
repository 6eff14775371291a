#include "recorder/socket_book.hpp"

#include <algorithm>

namespace alibi::recorder {
namespace {

void add_once(std::vector<event::ProcessKey>& list, event::ProcessKey process) {
  if (list.size() < SocketBook::kMaxPeople && std::ranges::find(list, process) == list.end())
    list.push_back(process);
}

}  // namespace

SocketBook::Socket& SocketBook::at(std::uint64_t cookie) {
  auto [place, is_new] = sockets_.try_emplace(cookie);
  if (is_new) {
    by_age_.push_back(cookie);
    // Ages of sockets forgotten meanwhile stay in the list until their turn.
    while (by_age_.size() > kMaxSockets) {
      if (by_age_.front() != cookie) sockets_.erase(by_age_.front());
      by_age_.pop_front();
    }
  }
  return place->second;
}

void SocketBook::add_holder(std::uint64_t cookie, event::ProcessKey process) {
  add_once(at(cookie).holders, process);
}

void SocketBook::add_user(std::uint64_t cookie, event::ProcessKey process) {
  add_once(at(cookie).users, process);
}

const SocketBook::Socket* SocketBook::find(std::uint64_t cookie) const {
  const auto place = sockets_.find(cookie);
  return place == sockets_.end() ? nullptr : &place->second;
}

void SocketBook::forget(std::uint64_t cookie) { sockets_.erase(cookie); }

void SocketBook::remove_listener(std::uint32_t net_ns, std::uint16_t port) {
  if (const auto place = listening_.find({net_ns, port}); place != listening_.end())
    listening_.erase(place);
}

void SocketBook::note_closed(std::uint64_t cookie, int error) {
  if (error == 0) return;
  closed_[cookie] = error;
  closed_by_age_.push_back(cookie);
  while (closed_by_age_.size() > kMaxClosed) {
    closed_.erase(closed_by_age_.front());
    closed_by_age_.pop_front();
  }
}

bool SocketBook::absorb_connect_error(std::uint64_t cookie, int error) {
  const auto place = closed_.find(cookie);
  if (place == closed_.end() || place->second != error) return false;
  closed_.erase(place);
  return true;
}

}  // namespace alibi::recorder
