#include "event/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

namespace alibi::event {
namespace {

const std::vector<std::string> kHostile = {
    "",
    "plain",
    " leading and trailing ",
    "a,b",
    "\"",
    "\"\"",
    "',\"\\'",
    "line\nbreak",
    "cr\rlf\r\n",
    "\n999,2026-01-01T00:00:00.000000Z,1,exec,1@1,1,,root,/bin/forged,forged,,,,,,,,,,,,",
    "=HYPERLINK(\"http://example.org\",\"click\")",
    "+1",
    "-bash",
    "@SUM(A1)",
    "\x1b[2J\x1b]0;title\x07",
    std::string("nul\0inside", 10),
    "\\x41 is not an escape",
    "trailing backslash\\",
    "\xff\xfe\x80",
    "\xc3",
    "\xc0\xaf",          // overlong /
    "\xed\xa0\x80",      // surrogate
    "\xf4\x90\x80\x80",  // beyond Unicode
    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
    "\xc2\x9b"
    "31m C1",                  // CSI as one character
    "\xe2\x80\xa8 separator",  // line separator
    "\xe2\x80\xae override",   // right-to-left
    "\xef\xbb\xbf mark",
    "100%25 %20 a b",
    "it's",
    "$(reboot) `id` ; rm -rf / & | < > * ? [ ] { } ! # ~",
    "\t\v\f\x7f",
};

Record full_record() {
  Record r;
  r.seq = 42;
  r.time = *parse_time("2026-11-22T02:30:10.123456Z");
  r.boot = {81'234'567'000};
  r.kind = Kind::FlowClose;
  r.process = ProcessKey{.start_us = 81234567, .pid = 4242};
  r.process_seq = 7;
  r.parent = ProcessKey{.start_us = 5, .pid = 1};
  r.user = "root";
  r.exe = "/usr/bin/curl";
  r.args = {"curl", "-s", "http://127.0.0.1:8000/"};
  r.flow = "1f@4026531840";
  r.proto = "tcp";
  r.local = parse_endpoint("127.0.0.1:40000");
  r.remote = parse_endpoint("[2001:db8::1]:443");
  r.direction = Direction::Out;
  r.name = "example.org";
  r.bytes_out = 0;
  r.bytes_in = 18'446'744'073'709'551'615U;
  r.result = "closed";
  r.grade = Grade::Proven;
  r.via = "connect";
  r.extra = {{"users", "1@2 3@4"}, {"empty", ""}, {"percent", "100%"}, {"equals", "a=b"}};
  r.source = {.ring = 'p', .cpu = 3, .number = 99};
  return r;
}

std::string line_of(const Record& record) {
  std::string line;
  append_csv(line, record);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  return line;
}

void expect_same(const Record& a, const Record& b) {
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.boot, b.boot);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.process, b.process);
  EXPECT_EQ(a.process_seq, b.process_seq);
  EXPECT_EQ(a.parent, b.parent);
  EXPECT_EQ(a.user, b.user);
  EXPECT_EQ(a.exe, b.exe);
  EXPECT_EQ(a.args, b.args);
  EXPECT_EQ(a.flow, b.flow);
  EXPECT_EQ(a.proto, b.proto);
  EXPECT_EQ(a.local, b.local);
  EXPECT_EQ(a.remote, b.remote);
  EXPECT_EQ(a.direction, b.direction);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.bytes_out, b.bytes_out);
  EXPECT_EQ(a.bytes_in, b.bytes_in);
  EXPECT_EQ(a.result, b.result);
  EXPECT_EQ(a.grade, b.grade);
  EXPECT_EQ(a.via, b.via);
  EXPECT_EQ(a.extra, b.extra);
  EXPECT_EQ(a.source, b.source);
}

void expect_round_trip(const Record& record) {
  const auto parsed = parse_csv(line_of(record));
  ASSERT_TRUE(parsed) << parsed.error().message << "\n" << line_of(record);
  expect_same(record, *parsed);
}

std::string random_bytes(std::mt19937& random) {
  std::string bytes(random() % 24, '\0');
  for (auto& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

Record hostile_record(std::mt19937& random) {
  const auto text = [&] {
    return random() % 2 ? random_bytes(random) : kHostile[random() % kHostile.size()];
  };
  Record r = full_record();
  r.seq = random();
  r.user = text();
  r.exe = text();
  r.args.assign(random() % 5, "");
  for (auto& argument : r.args)
    argument = text();
  r.flow = text();
  r.proto = text();
  r.name = text();
  r.result = text();
  r.via = text();
  for (auto& [key, value] : r.extra)
    value = text();
  if (random() % 2) r.source = {};
  if (random() % 3 == 0) r.extra.clear();
  if (random() % 3 == 0) r.process.reset();
  return r;
}

TEST(Csv, WorkedExample) {
  EXPECT_EQ(
      csv_header(),
      "seq,time,boot_ns,kind,process,process_seq,parent,user,exe,args,flow,proto,local,remote,"
      "direction,name,bytes_out,bytes_in,result,grade,via,extra");
  EXPECT_EQ(
      line_of(full_record()),
      "42,2026-11-22T02:30:10.123456Z,81234567000,flow_close,4242@81234567,7,1@5,root,/usr/bin/"
      "curl,"
      "curl -s http://127.0.0.1:8000/,1f@4026531840,tcp,127.0.0.1:40000,[2001:db8::1]:443,out,"
      "example.org,0,18446744073709551615,closed,proven,connect,"
      "users=1@2%203@4 empty= percent=100%25 equals=a=b src=p3:99");
  expect_round_trip(full_record());
  expect_round_trip(Record{});
}

TEST(Csv, EveryHostileTextComesBack) {
  for (const auto& text : kHostile) {
    Record r = full_record();
    r.exe = r.name = r.user = r.via = text;
    r.args = {text, "x", text};
    r.extra = {{"value", text}};
    const std::string line = line_of(r);
    for (const char byte : line)
      EXPECT_TRUE(byte < 0 || (byte >= 0x20 && byte != 0x7f)) << line;
    EXPECT_EQ(line.find("\xc2\x9b"), std::string::npos);
    expect_round_trip(r);
  }
}

TEST(Csv, FormulaOpenersNeverBeginACell) {
  for (const char* opener : {"=1", "+1", "-1", "@1", "=1,2"}) {
    Record r;
    r.name = opener;
    const std::string line = line_of(r);
    EXPECT_EQ(line.find("," + std::string(opener)), std::string::npos) << line;
    EXPECT_EQ(line.find("\"" + std::string(opener)), std::string::npos) << line;
    EXPECT_NE(line.find("\\x"), std::string::npos) << line;
  }
}

TEST(Csv, RandomRecordsComeBack) {
  std::mt19937 random(20261122);
  for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i)
    expect_round_trip(hostile_record(random));
}

TEST(Csv, EveryCutLineIsRefused) {
  const std::string line = line_of(full_record());
  const std::size_t last_comma = line.rfind(',');
  for (std::size_t length = 0; length <= last_comma; ++length) {
    const auto parsed = parse_csv(std::string_view(line).substr(0, length));
    // Only a cut that leaves all 22 columns may parse; the last comma is the first such place.
    EXPECT_EQ(parsed.has_value(), false) << length;
  }
}

TEST(Csv, RefusalsNameTheColumn) {
  const auto refused = [](std::string_view from, std::string_view to) {
    std::string line = line_of(full_record());
    line.replace(line.find(from), from.size(), to);
    const auto parsed = parse_csv(line);
    EXPECT_FALSE(parsed) << line;
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_THAT(refused("42,", "042,"), testing::HasSubstr("seq"));
  EXPECT_THAT(refused("flow_close", "flow_eaten"), testing::HasSubstr("kind"));
  EXPECT_THAT(refused("4242@81234567", "4242"), testing::HasSubstr("process"));
  EXPECT_THAT(refused("example.org", "\\q"), testing::HasSubstr("name"));
  EXPECT_THAT(refused("example.org", "\\x4"), testing::HasSubstr("name"));
  EXPECT_THAT(refused("example.org", "\"open"), testing::HasSubstr("name"));
  EXPECT_THAT(refused("curl -s", "'curl -s"), testing::HasSubstr("args"));
  EXPECT_THAT(refused("empty=", "empty"), testing::HasSubstr("extra"));
  EXPECT_THAT(refused("src=p3:99", "src=elsewhere"), testing::HasSubstr("extra"));
  EXPECT_THAT(refused("src=p3:99", "src=p3:99,more"), testing::HasSubstr("more columns"));
}

TEST(Csv, ArbitraryBytesNeverBreakTheDecoder) {
  std::mt19937 random(7);
  const std::string good = line_of(full_record());
  for (int i = 0; i < 50'000; ++i) {
    std::string line = good;
    for (int change = 0; change < 3; ++change)
      line[random() % line.size()] = static_cast<char>(random());
    if (const auto parsed = parse_csv(line)) expect_round_trip(*parsed);
  }
}

TEST(Args, ShellForm) {
  EXPECT_EQ(quote_args({"sh", "-c", "curl -s http://h/ >/dev/null"}),
            "sh -c 'curl -s http://h/ >/dev/null'");
  EXPECT_EQ(quote_args({"", "it's"}), "'' 'it'\\''s'");
  EXPECT_EQ(quote_args({"A=b", "A=b"}), "'A=b' A=b");
  EXPECT_EQ(quote_args({}), "");
  EXPECT_EQ(parse_args("a\\ b  c").value(), (std::vector<std::string>{"a b", "", "c"}));
  EXPECT_FALSE(parse_args("'open"));
  EXPECT_FALSE(parse_args("end\\"));
}

// ---- python3 as an independent reader ---------------------------------------

constexpr const char* kPythonReader = R"py(
import csv, re, shlex, sys
def raw(text):
    data = text.encode('utf-8')
    return re.sub(rb'\\(\\|x[0-9a-f]{2})',
                  lambda m: b'\\' if m[1] == b'\\' else bytes([int(m[1][1:], 16)]), data)
want = [line.rstrip('\n').split(' ') for line in open(sys.argv[2])]
rows = list(csv.reader(open(sys.argv[1], newline='', encoding='utf-8', errors='strict'), strict=True))
assert len(rows) == len(want) + 1, (len(rows), len(want))
header = rows[0]
for row, expected in zip(rows[1:], want):
    assert len(row) == len(header) == 22, row
    cells = dict(zip(header, row))
    assert not any(cell[:1] in ('=', '+', '-', '@') for cell in row), row
    for column, value in zip(('user', 'exe', 'name', 'via'), expected):
        assert raw(cells[column]).hex() == value, (column, cells[column], value)
    args = [a.encode('latin-1').hex() for a in shlex.split(raw(cells['args']).decode('latin-1'))]
    assert args == [a for a in expected[4].split(',')[1:]], (cells['args'], expected[4])
print(len(want))
)py";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
    text += two;
  }
  return text;
}

TEST(Csv, PythonReadsTheSame) {
  if (std::system("command -v python3 >/dev/null") != 0) GTEST_SKIP() << "python3 is not installed";
  const auto directory = std::filesystem::path(testing::TempDir()) / "alibi_csv_python";
  std::filesystem::create_directories(directory);
  {
    std::ofstream log(directory / "log.csv", std::ios::binary);
    std::ofstream want(directory / "want");
    std::ofstream(directory / "reader.py") << kPythonReader;
    log << csv_header() << "\n";
    std::mt19937 random(3);
    for (int i = 0; i < 2000; ++i) {
      const Record r = hostile_record(random);
      log << line_of(r) << "\n";
      want << hex(r.user) << ' ' << hex(r.exe) << ' ' << hex(r.name) << ' ' << hex(r.via) << ' '
           << 'a';
      for (const auto& argument : r.args)
        want << ',' << hex(argument);
      want << "\n";
    }
  }
  const std::string command =
      "cd '" + directory.string() + "' && test \"$(python3 reader.py log.csv want)\" = 2000";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace alibi::event
