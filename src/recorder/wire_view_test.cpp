#include "recorder/wire_view.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace alibi::recorder {
namespace {

using namespace std::string_literals;

std::vector<std::byte> exec_record(const std::string& args, const std::string& exe) {
  alibi_exec exec{};
  exec.args_bytes = static_cast<__u32>(args.size());
  exec.exe_bytes = static_cast<__u32>(exe.size());
  exec.header.kind = ALIBI_RECORD_EXEC;
  exec.header.size = static_cast<__u32>(sizeof(exec) + args.size() + exe.size());
  std::vector<std::byte> bytes(exec.header.size);
  std::memcpy(bytes.data(), &exec, sizeof(exec));
  std::memcpy(bytes.data() + sizeof(exec), (args + exe).data(), args.size() + exe.size());
  return bytes;
}

TEST(WireView, PathsAreTurnedRound) {
  EXPECT_EQ(join_path("passwd\0etc\0"s), "/etc/passwd");
  EXPECT_EQ(join_path(""), "/");
  EXPECT_EQ(join_path("/memfd:payload\0"s), "/memfd:payload");
}

TEST(WireView, ArgumentsKeepEmptyOnesAndACutLastOne) {
  EXPECT_EQ(split_args("a\0\0b\0"s), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split_args("a\0cu"s), (std::vector<std::string>{"a", "cu"}));
  EXPECT_TRUE(split_args("").empty());
}

TEST(WireView, AWholeExecIsSeen) {
  const auto bytes = exec_record("sh\0-c\0"s, "sh\0bin\0"s);
  ASSERT_TRUE(view_header(bytes));
  const auto exec = view_exec(bytes);
  ASSERT_TRUE(exec);
  EXPECT_EQ(split_args(exec->args), (std::vector<std::string>{"sh", "-c"}));
  EXPECT_EQ(join_path(exec->exe), "/bin/sh");
}

TEST(WireView, EveryShorteningIsRefusedOrShorter) {
  const auto whole = exec_record("sh\0-c\0"s, "sh\0bin\0"s);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::span<const std::byte> cut(whole.data(), n);
    EXPECT_FALSE(view_header(cut)) << n;  // the header knows the whole length
    EXPECT_FALSE(view_exec(cut)) << n;
  }
}

TEST(WireView, LengthsThatRunPastTheRecordAreRefused) {
  auto bytes = exec_record("sh\0"s, "sh\0"s);
  reinterpret_cast<alibi_exec*>(bytes.data())->cwd_bytes = 1;
  EXPECT_FALSE(view_exec(bytes));
  reinterpret_cast<alibi_exec*>(bytes.data())->cwd_bytes = 0xffffffff;
  EXPECT_FALSE(view_exec(bytes));
}

TEST(WireView, MappedIpv4IsIpv4) {
  alibi_tuple tuple{};
  tuple.family = 10;  // AF_INET6
  tuple.protocol = 6;
  tuple.local_port = 80;
  const __u8 mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  std::memcpy(tuple.local, mapped, 16);
  EXPECT_EQ(to_text(local_of(tuple)), "127.0.0.1:80");
}

}  // namespace
}  // namespace alibi::recorder
