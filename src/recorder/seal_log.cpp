#include "recorder/seal_log.hpp"

#include "seal/bytes.hpp"
#include "store/layout.hpp"
#include "store/sha256.hpp"
#include "witness/client.hpp"

namespace alibi::recorder {

std::unique_ptr<seal::Sealer> make_sealer(const Options& options, const std::string& boot_id,
                                          const std::string& command) {
  if (!store::Layout{options.directory}.has_identity()) return nullptr;
  const auto executable = store::sha256_of_file(store::real_disk(), "/proc/self/exe");
  return std::make_unique<seal::Sealer>(
      seal::SealLayout{options.directory},
      seal::Session{.boot_id = boot_id,
                    .version = ALIBI_VERSION,
                    .recorder = executable ? seal::to_hex(*executable) : "",
                    .config = options.config_sha256,
                    .command = command},
      witness::make_client(options.third_parties));
}

}  // namespace alibi::recorder
