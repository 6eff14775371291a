#pragma once
// Names of the categories and codes of packet marks (docs/marking.md, section 1).
// Categories 128 to 255 are a site's own: names are added from its file.
// Thread: any, once filled.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace alibi::event {

class DiagnosisNames {
 public:
  /// With the assigned categories, without local ones.
  DiagnosisNames();

  /// False: the name is taken, or is none (it must begin with a letter and have
  /// only a-z, 0-9, - and _), or the category is not a local one.
  bool add_local(std::uint8_t category, std::string name,
                 std::map<std::uint8_t, std::string> codes);

  /// "leak"; the number where it has no name.
  [[nodiscard]] std::string category(std::uint8_t category) const;
  /// "file shared"; empty where the code has no meaning that is known here.
  [[nodiscard]] std::string meaning(std::uint8_t category, std::uint8_t code) const;
  /// "leak/1"
  [[nodiscard]] std::string text(std::uint8_t category, std::uint8_t code) const;
  /// By name or decimal number; empty: neither.
  [[nodiscard]] std::optional<std::uint8_t> find_category(std::string_view text) const;
  /// Every category with a name.
  [[nodiscard]] std::map<std::uint8_t, std::string> categories() const;

 private:
  struct Category {
    std::string name;
    std::map<std::uint8_t, std::string> codes;
  };
  std::map<std::uint8_t, Category> categories_;
};

}  // namespace alibi::event
