// Any bytes as a time: a moment whose end is not before its beginning, or a
// usage error.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "cli/time_argument.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr WallNs kNow{1'795'314'610'000'000'000};
  for (const auto zone : {report::Zone::Utc, report::Zone::Local}) {
    const auto moment = cli::parse_moment(text, kNow, zone);
    if (moment)
      ALIBI_CHECK(moment->first <= moment->last);
    else
      ALIBI_CHECK(moment.error().code == Errc::Usage);
  }
  return 0;
}
