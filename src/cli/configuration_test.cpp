#include "cli/configuration.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace alibi::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string error_of(std::string_view text) {
  recorder::Options options;
  const auto done = apply_configuration(options, text, "a.toml");
  EXPECT_FALSE(done) << text;
  if (done) return {};
  EXPECT_EQ(done.error().code, Errc::Usage);
  EXPECT_EQ(print_configuration(options), print_configuration({}))
      << "a refused text changed something";
  return done.error().message;
}

TEST(Configuration, ReadsEveryKindOfValue) {
  recorder::Options options;
  const auto done =
      apply_configuration(options,
                          "[log]\ndirectory = \"/srv/a\"\nbudget = \"1GiB\"\nkeep_days = 30\n"
                          "[segment]\nage = \"1h\"\n[block]\nage = \"500ms\"\n"
                          "[ring]\nprocess = \"1MiB\"\nperf_pages = 64\n"
                          "[record]\ndns = false\ndisabled_sensors = [\"module\", \"ptrace\"]\n",
                          "a.toml");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(options.directory, "/srv/a");
  EXPECT_EQ(options.limits.budget_bytes, 1U << 30);
  EXPECT_EQ(options.limits.budget_days, 30U);
  EXPECT_EQ(options.limits.segment_seconds, 3600U);
  EXPECT_EQ(options.limits.block_ms, 500U);
  EXPECT_EQ(options.process_ring_bytes, 1U << 20);
  EXPECT_EQ(options.perf_pages, 64U);
  EXPECT_FALSE(options.record_dns);
  EXPECT_EQ(options.disabled_sensors.size(), 2U);
}

TEST(Configuration, ReadsThirdParties) {
  recorder::Options options;
  const auto done = apply_configuration(
      options,
      "[witness]\npolicy = \"/etc/alibi/policy\"\ntimeout = \"3s\"\n[timestamp]\n"
      "urls = [\"http://a.example/tsr\", \"https://b.example\"]\ninterval = \"1d\"\n"
      "roots = \"/etc/alibi/tsa.pem\"\n",
      "a.toml");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(options.third_parties.policy_file, "/etc/alibi/policy");
  EXPECT_EQ(options.third_parties.timeout_ms, 3000U);
  EXPECT_THAT(options.third_parties.stamp_urls,
              testing::ElementsAre("http://a.example/tsr", "https://b.example"));
  EXPECT_EQ(options.third_parties.stamp_interval_s, 86'400U);
  EXPECT_EQ(options.third_parties.stamp_roots, "/etc/alibi/tsa.pem");
  for (const char* wrong :
       {"[witness]\npolicy = \"policy\"\n", "[witness]\ntimeout = \"2min\"\n",
        "[timestamp]\nurls = \"http://a\"\n", "[timestamp]\nurls = [\"ftp://a\"]\n",
        "[timestamp]\nurls = [\"http://a b\"]\n", "[timestamp]\ninterval = \"1s\"\n"})
    EXPECT_THAT(error_of(wrong), HasSubstr("must be"));
}

TEST(Configuration, WhatIsPrintedReadsBackTheSame) {
  recorder::Options options;
  options.directory = "/odd \"dir\\\n";
  options.limits.budget_bytes = 12'345;
  options.disabled_sensors = {"a\"b"};
  recorder::Options again;
  const auto done = apply_configuration(again, print_configuration(options), "printed");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(print_configuration(again), print_configuration(options));
  EXPECT_NE(configuration_sha256(options), configuration_sha256({}));
  EXPECT_EQ(configuration_sha256(again), configuration_sha256(options));
}

TEST(Configuration, ErrorsNameFileLineKeyAndTheNearestKey) {
  EXPECT_THAT(error_of("[log]\nbugdet = \"1GiB\"\n"),
              AllOf(HasSubstr("a.toml:2:"), HasSubstr("'log.bugdet'"), HasSubstr("'log.budget'")));
  EXPECT_THAT(error_of("\n\n[record]\nbudget = \"1GiB\"\n"),
              AllOf(HasSubstr("a.toml:4:"), HasSubstr("'log.budget'")));
  EXPECT_THAT(error_of("[log]\nbudget = 5\n"),
              AllOf(HasSubstr("a.toml:2:"), HasSubstr("'log.budget' must be")));
  EXPECT_THAT(error_of("[log\n"), HasSubstr("a.toml:1:"));
  EXPECT_THAT(error_of("log = 3\n"), HasSubstr("there is no key 'log'"));
}

TEST(Configuration, RefusesValuesThatCannotWork) {
  error_of("[ring]\nprocess = \"3MiB\"\n");
  error_of("[ring]\nperf_pages = 3\n");
  error_of("[log]\ndirectory = \"relative\"\n");
  error_of("[log]\nkeep_days = -1\n");
  error_of("[block]\nlines = 0\n");
  error_of("[record]\ndns = \"yes\"\n");
  error_of("[record]\ndisabled_sensors = [1]\n");
  error_of(std::string(2U << 20, '#'));
}

class ConfigurationFiles : public testing::Test {
 protected:
  ConfigurationFiles() {
    std::string name = testing::TempDir() + "/alibi_config_XXXXXX";
    directory_ = ::mkdtemp(name.data());
    std::filesystem::create_directory(directory_ / "conf.d");
  }
  ~ConfigurationFiles() override { std::filesystem::remove_all(directory_); }

  void write(const char* name, std::string_view text) { std::ofstream(directory_ / name) << text; }

  std::filesystem::path directory_;
};

TEST_F(ConfigurationFiles, LaterDropInsWinKeyByKey) {
  write("alibi.toml", "[log]\nbudget = \"1GiB\"\nkeep_days = 1\n");
  write("conf.d/20.toml", "[log]\nkeep_days = 3\n");
  write("conf.d/10.toml", "[log]\nkeep_days = 2\n");
  write("conf.d/30.toml.bak", "nonsense");
  const auto options = load_configuration(directory_ / "alibi.toml");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->limits.budget_days, 3U);
  EXPECT_EQ(options->limits.budget_bytes, 1U << 30);
}

TEST_F(ConfigurationFiles, MissingAndUnreadable) {
  EXPECT_EQ(load_configuration(directory_ / "none.toml").error().code, Errc::NotFound);
  EXPECT_FALSE(load_configuration(directory_));  // a directory
  write("alibi.toml", "");
  write("conf.d/10.toml", "x = 1\n");
  EXPECT_THAT(load_configuration(directory_ / "alibi.toml").error().message,
              HasSubstr("10.toml:1:"));
}

}  // namespace
}  // namespace alibi::cli
