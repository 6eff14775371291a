// Any bytes as a time-stamp response: with roots that signed nothing, none is believed.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "verify/time_stamp.hpp"

namespace {

constexpr std::string_view kRoots = R"(
-----BEGIN CERTIFICATE-----
MIIBODCB66ADAgECAhQcpvaNtWRZ8osia+JqtyVpWsTHnjAFBgMrZXAwETEPMA0G
A1UEAwwGbm9ib2R5MCAXDTI2MTEyMjEwMTAzNFoYDzIxMjYxMDI5MTAxMDM0WjAR
MQ8wDQYDVQQDDAZub2JvZHkwKjAFBgMrZXADIQBav4NvgDE6Sq/n4zBDh6mr+M+C
AgWS/sTQhHlMg2WryaNTMFEwHQYDVR0OBBYEFNzY+0604NboRNPzAwQgdwTKHkuh
MB8GA1UdIwQYMBaAFNzY+0604NboRNPzAwQgdwTKHkuhMA8GA1UdEwEB/wQFMAMB
Af8wBQYDK2VwA0EAaGt3r1c/oNr6u4Q8jD7GsHlBnWXsXpuiHAZV2j3oIgPOKq80
m/XDrW85Mq4emm+VNzFPQZra3rPIT7dxZTC0Dg==
-----END CERTIFICATE-----
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using alibi::verify::TimeStampRoots;
  static const auto roots = TimeStampRoots::from_pem(kRoots);
  ALIBI_CHECK(roots.has_value());
  const std::string_view token(reinterpret_cast<const char*>(data), size);
  ALIBI_CHECK(!roots->verify(token, "another text"));
  return 0;
}
