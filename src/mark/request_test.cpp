#include "mark/request.hpp"

#include <gtest/gtest.h>

namespace alibi::mark {
namespace {

TEST(MarkRequest, ComesBackFromItsText) {
  using Action = Request::Action;
  for (const Request& request :
       {Request{.action = Action::On}, Request{.action = Action::Off},
        Request{.action = Action::List}, Request{.action = Action::Delete},
        Request{.action = Action::Delete, .category = 2},
        Request{.action = Action::Delete, .category = 2, .code = 0},
        Request{.action = Action::Add, .category = 255, .code = 255},
        Request{
            .action = Action::Add, .category = 1, .code = 2, .time_s = 0xffffffff, .ttl_s = 60}}) {
    const auto again = parse_request(to_text(request));
    ASSERT_TRUE(again) << to_text(request);
    EXPECT_EQ(*again, request) << to_text(request);
  }
}

TEST(MarkRequest, WhatIsNotUnderstoodIsRefused) {
  for (const char* line : {"",
                           " ",
                           "on now",
                           "add",
                           "add 1",
                           "add 0 1",
                           "add 256 1",
                           "add 1 256",
                           "add 1 1 ttl=0",
                           "add 1 1 ttl=-1",
                           "add 1 1 ttl=999999999",
                           "add 1 1 at=1 at=2",
                           "add 1 1 x=1",
                           "add leak 1",
                           "del",
                           "del 1 2 3",
                           "del all 1",
                           "add  1 1",
                           "on ",
                           "ON",
                           "add 1 1 at="}) {
    const auto request = parse_request(line);
    ASSERT_FALSE(request) << line;
    EXPECT_EQ(request.error().code, Errc::Usage) << line;
  }
  EXPECT_FALSE(parse_request(std::string(100'000, '1')));
}

}  // namespace
}  // namespace alibi::mark
