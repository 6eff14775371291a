#include "recorder/socket_book.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace alibi::recorder {
namespace {

constexpr event::ProcessKey kA{1, 1}, kB{2, 2};

TEST(SocketBook, RemembersEachHolderOnce) {
  SocketBook book;
  book.add_holder(9, kA);
  book.add_holder(9, kB);
  book.add_holder(9, kA);
  ASSERT_NE(book.find(9), nullptr);
  EXPECT_EQ(book.find(9)->holders, (std::vector{kA, kB}));
  book.forget(9);
  EXPECT_EQ(book.find(9), nullptr);
}

TEST(SocketBook, OneEndAbsorbsOneErrorOfTheSameKind) {
  SocketBook book;
  book.note_closed(9, ECONNREFUSED);
  EXPECT_FALSE(book.absorb_connect_error(9, EHOSTUNREACH));
  EXPECT_TRUE(book.absorb_connect_error(9, ECONNREFUSED));
  EXPECT_FALSE(book.absorb_connect_error(9, ECONNREFUSED));
}

TEST(SocketBook, SharedPortsListenUntilTheLastEnds) {
  SocketBook book;
  book.add_listener(1, 80);
  book.add_listener(1, 80);
  book.remove_listener(1, 80);
  EXPECT_TRUE(book.is_listening(1, 80));
  book.remove_listener(1, 80);
  EXPECT_FALSE(book.is_listening(1, 80));
  EXPECT_FALSE(book.is_listening(2, 80));
}

TEST(SocketBook, IsBounded) {
  SocketBook book;
  for (std::uint64_t cookie = 1; cookie <= 2 * SocketBook::kMaxSockets; ++cookie)
    book.add_holder(cookie, kA);
  EXPECT_EQ(book.find(1), nullptr);
  EXPECT_NE(book.find(2 * SocketBook::kMaxSockets), nullptr);
}

}  // namespace
}  // namespace alibi::recorder
