// Prints docs/events.md from the one table of columns and the one of kinds.

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view meaning;
};

struct Kind {
  std::string_view name;
  std::string_view group;
  std::string_view hook;
  std::string_view meaning;
};

constexpr Column kColumns[] = {
#define COLUMN(name, type, meaning) {#name, #type, meaning},
#include "event/columns.def"
#undef COLUMN
};

constexpr Kind kKinds[] = {
#define KIND(identifier, name, group, hook, meaning) {name, #group, hook, meaning},
#include "event/kinds.def"
#undef KIND
};

/// A cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

void print_row(std::initializer_list<std::string> cells) {
  std::string line = "|";
  for (const std::string& one : cells)
    line += " " + one + " |";
  std::puts(line.c_str());
}

void print_columns() {
  std::puts("## Columns\n");
  print_row({"column", "JSON type", "meaning"});
  print_row({"---", "---", "---"});
  for (const Column& column : kColumns)
    print_row(
        {"`" + std::string(column.name) + "`", std::string(column.type), cell(column.meaning)});
}

void print_kinds(std::string_view group) {
  print_row({"kind", "hook", "meaning"});
  print_row({"---", "---", "---"});
  for (const Kind& kind : kKinds) {
    if (kind.group != group) continue;
    const bool has_hook = kind.hook != "-";
    print_row(
        {"`" + std::string(kind.name) + "`", has_hook ? cell(kind.hook) : "", cell(kind.meaning)});
  }
}

}  // namespace

int main() {
  std::puts(
      "# Events\n\n"
      "Every line of the log is one record with the same columns. What a kind does\n"
      "not have stays empty; `alibi show --json` leaves it out. How a line is written:\n"
      "`log-format.md`.\n\n"
      "Made from `src/event/columns.def` and `src/event/kinds.def` by the target\n"
      "`alibi_events_doc`; change those, not this file.\n");
  print_columns();
  std::puts("\n## Kinds: what the machine did\n");
  print_kinds("KERNEL");
  std::puts("\n## Kinds: what the recorder says about itself\n");
  print_kinds("LOG");
}
