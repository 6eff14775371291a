// Any bytes as a configuration. What is accepted must print as a text that reads
// back to the same; what is refused must change nothing.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "cli/configuration.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi;
  recorder::Options options;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto done = cli::apply_configuration(options, text, "fuzz"); !done) {
    ALIBI_CHECK(done.error().code == Errc::Usage);
    ALIBI_CHECK(cli::print_configuration(options) == cli::print_configuration({}));
    return 0;
  }
  recorder::Options again;
  ALIBI_CHECK(cli::apply_configuration(again, cli::print_configuration(options), "printed"));
  ALIBI_CHECK(cli::print_configuration(again) == cli::print_configuration(options));
  return 0;
}
