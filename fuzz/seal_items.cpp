// Items of a block, lines and pcapng blocks, and their columns: the first line is
// the header line of the segment.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "seal/item.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alibi::seal;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto header = bytes.substr(0, bytes.find('\n'));
  auto columns = Columns::from("user,args", header);
  if (!columns) columns = Columns::from("", header);
  if (!columns) return 0;
  for (const auto stream : {Stream::Events, Stream::Packets}) {
    const auto items = split_items(stream, bytes);
    const auto hashes = hash_items(stream, *columns, Seed{}, bytes);
    if (items.has_value() != hashes.has_value()) std::abort();
    if (!items) continue;
    std::string again;
    for (const auto item : *items)
      again += item;
    if (again != bytes || hashes->size() != items->size()) std::abort();
  }
  const auto fields = split_fields(bytes);
  std::size_t total = static_cast<std::size_t>(fields.size()) - 1;
  for (const auto field : fields)
    total += field.size();
  if (total != bytes.size() - (bytes.ends_with('\n') ? 1 : 0)) std::abort();
  return 0;
}
