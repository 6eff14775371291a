#include "mark/names_file.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <charconv>

namespace alibi::mark {
namespace {

std::unexpected<Error> wrong(const std::filesystem::path& file, const toml::source_region& where,
                             std::string_view what) {
  return fail(Errc::Usage, fmt::format("{}:{}: {}", file.string(), where.begin.line, what));
}

Status add_category(const std::filesystem::path& file, const toml::node& node,
                    event::DiagnosisNames& names) {
  const toml::table* table = node.as_table();
  if (!table) return wrong(file, node.source(), "category is a list of tables");
  const auto number = (*table)["number"].value<std::int64_t>();
  const auto name = (*table)["name"].value<std::string>();
  if (!number || *number < 128 || *number > 255 || !name)
    return wrong(file, node.source(), "a category needs a number from 128 to 255 and a name");
  std::map<std::uint8_t, std::string> codes;
  if (const toml::table* list = (*table)["codes"].as_table()) {
    for (const auto& [key, value] : *list) {
      std::uint8_t code = 0;
      const std::string_view digits = key.str();
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), code);
      const auto meaning = value.value<std::string>();
      if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() || !meaning)
        return wrong(file, value.source(), "codes are numbers from 0 to 255 with a text each");
      codes.emplace(code, *meaning);
    }
  }
  if (!names.add_local(static_cast<std::uint8_t>(*number), *name, std::move(codes)))
    return wrong(file, node.source(),
                 fmt::format("'{}' is taken or no name (a-z, 0-9, - and _)", *name));
  return {};
}

}  // namespace

Result<event::DiagnosisNames> read_names(const std::filesystem::path& file) {
  event::DiagnosisNames names;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return names;
  toml::table table;
  try {
    table = toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    return wrong(file, error.source(), error.description());
  }
  for (const auto& [key, node] : table)
    if (key.str() != "category" || !node.is_array())
      return wrong(file, node.source(), fmt::format("there is no key '{}'", key.str()));
  if (const toml::array* categories = table["category"].as_array())
    for (const toml::node& node : *categories)
      if (auto added = add_category(file, node, names); !added)
        return std::unexpected(added.error());
  return names;
}

}  // namespace alibi::mark
