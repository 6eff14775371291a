#include <utility>

#include "witness/client.hpp"

namespace alibi::witness {

seal::MakeWitnessing make_client(ClientOptions options) {
  return [options = std::move(options)](const seal::SealLayout& layout, seal::Receipts& receipts) {
    return start_client(options, layout, receipts, seal::read_tiles(layout));
  };
}

}  // namespace alibi::witness
