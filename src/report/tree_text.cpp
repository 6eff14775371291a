// Text of `alibi tree`.

#include <fmt/format.h>

#include <algorithm>

#include "report/text.hpp"

namespace alibi::report {
namespace {

constexpr std::size_t kListed = 8;  ///< deeds of one sort shown per process

class TreeText {
 public:
  explicit TreeText(const Style& style) : style_(style) {}

  void add_ancestors(const std::vector<query::Process>& chain) {
    for (std::size_t i = chain.size(); i-- > 0; ++depth_) {
      add_line(head_of(depth_), label_of(chain[i]), command_of(chain[i].args), "", Ink::Plain);
    }
  }

  void add_root(const query::Branch& root) {
    add_branch(root, head_of(depth_), std::string(3 * depth_, ' '), Ink::Strong);
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  static constexpr std::string_view kCorner = "└─ ";
  static constexpr std::string_view kFork = "├─ ";
  static constexpr std::size_t kGaps = 4;  ///< blanks between the parts of a line

  static std::string head_of(std::size_t depth) {
    return depth == 0 ? "" : std::string(3 * (depth - 1), ' ') + std::string(kCorner);
  }

  /// A long command line gives way to `fate`, also on a narrow terminal.
  void add_line(const std::string& indent, std::string_view label, std::string_view command,
                std::string_view fate, Ink ink) {
    std::size_t columns = style_.command_columns;
    const std::size_t others = width_of(indent) + width_of(label) + width_of(fate) + kGaps;
    if (style_.columns > others) columns = std::min(columns, style_.columns - others);
    std::string detail = cut(command, columns);
    if (!fate.empty()) detail += (detail.empty() ? "" : "  ") + std::string(fate);
    const std::string line = fmt::format("{}{}  {}", style_.paint(Ink::Dim, indent),
                                         style_.paint(ink, label), style_.paint(Ink::Dim, detail));
    out_ += line_of(line, style_.columns);
  }

  void add_deed(const std::string& indent, Ink ink, std::string_view what, std::string_view text) {
    const std::string line =
        fmt::format("{}{} {}", style_.paint(Ink::Dim, indent), style_.paint(ink, what), text);
    out_ += line_of(line, style_.columns);
  }

  void add_rest(const std::string& indent, std::size_t count, std::string_view noun) {
    if (count > kListed)
      add_deed(indent, Ink::Dim, "…", fmt::format("and {}", count_text(count - kListed, noun)));
  }

  void add_executions(const query::Branch& branch, const std::string& indent) {
    // The last image stands in the line of the process itself.
    const std::size_t earlier = branch.executions.empty() ? 0 : branch.executions.size() - 1;
    for (std::size_t i = 0; i < earlier && i < kListed; ++i) {
      add_deed(indent, Ink::Dim, "was",
               cut(command_of(branch.executions[i].args), style_.command_columns));
    }
    add_rest(indent, earlier, "earlier image");
  }

  void add_flows(const query::Branch& branch, const std::string& indent) {
    for (std::size_t i = 0; i < branch.flows.size() && i < kListed; ++i) {
      const query::Flow& flow = branch.flows[i];
      const std::string name = flow.name.empty() ? "" : fmt::format(" ({})", printable(flow.name));
      add_deed(indent, Ink::Accent, "net",
               fmt::format("{}{}: {}", ends_of(flow), name, outcome_of(flow)));
    }
    add_rest(indent, branch.flows.size(), "flow");
  }

  void add_names(const query::Branch& branch, const std::string& indent) {
    std::string list;
    std::size_t listed = 0;
    for (const auto& [name, times] : branch.names) {
      if (++listed > kListed) break;
      list += (list.empty() ? "" : ", ") + printable(name);
    }
    if (!list.empty()) add_deed(indent, Ink::Accent, "asked for", list);
    add_rest(indent, branch.names.size(), "name");
  }

  void add_deeds(const query::Branch& branch, const std::string& indent) {
    add_executions(branch, indent);
    add_names(branch, indent);
    add_flows(branch, indent);
    if (branch.modules != 0)
      add_deed(indent, Ink::Dim, "mapped", count_text(branch.modules, "code file"));
  }

  std::string fate_of(const query::Branch& branch) const {
    const std::string start = time_of_day(branch.process.start, style_.zone);
    if (!branch.end) return fmt::format("[{} ]", start);
    const std::string lived = duration_text(branch.end->ns - branch.process.start.ns);
    return fmt::format("[{}, {}, exit {}]", start, lived,
                       branch.exit.empty() ? "?" : printable(branch.exit));
  }

  void add_branch(const query::Branch& branch, const std::string& head, const std::string& below,
                  Ink ink) {
    add_line(head, label_of(branch.process), command_of(branch.process.args), fate_of(branch), ink);
    const std::string deeds = below + (branch.children.empty() ? "     " : "│    ");
    add_deeds(branch, deeds);
    for (std::size_t i = 0; i < branch.children.size(); ++i) {
      const bool is_last = i + 1 == branch.children.size();
      add_branch(branch.children[i], below + std::string(is_last ? kCorner : kFork),
                 below + (is_last ? "   " : "│  "), Ink::Plain);
    }
  }

  const Style& style_;
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string to_text(const query::TreeAnswer& answer, const Style& style) {
  TreeText text(style);
  text.add_ancestors(answer.ancestors);
  text.add_root(answer.root);
  return text.take();
}

}  // namespace alibi::report
