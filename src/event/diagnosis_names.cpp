#include "event/diagnosis_names.hpp"

#include <algorithm>
#include <charconv>

#include "wire/alibi_mark.h"

namespace alibi::event {
namespace {

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

DiagnosisNames::DiagnosisNames()
    : categories_{
          {ALIBI_MARK_MALWARE,
           {"malware",
            {{1, "virus"}, {2, "worm"}, {3, "trojan"}, {4, "ransomware"}, {5, "miner"}}}},
          {ALIBI_MARK_LEAK,
           {"leak", {{1, "file shared"}, {2, "upload of private files"}, {3, "credentials"}}}},
          {ALIBI_MARK_REMOTE_CONTROL,
           {"remote_control",
            {{1, "command and control"}, {2, "reverse shell"}, {3, "unasked remote desktop"}}}},
          {ALIBI_MARK_SCAN, {"scan", {{1, "ports"}, {2, "hosts"}, {3, "passwords tried"}}}},
          {ALIBI_MARK_SPAM, {"spam", {{1, "mail"}, {2, "posts"}}}},
          {ALIBI_MARK_FLOOD, {"flood", {{1, "TCP"}, {2, "UDP"}, {3, "amplification"}}}},
          {ALIBI_MARK_ANONYMISER, {"anonymiser", {{1, "Tor"}, {2, "proxy"}, {3, "VPN"}}}},
          {ALIBI_MARK_FILE_SHARING, {"file_sharing", {{1, "BitTorrent"}}}},
          {ALIBI_MARK_OUTDATED, {"outdated", {{1, "operating system"}, {2, "browser"}}}},
          {ALIBI_MARK_POLICY, {"policy", {{1, "forbidden program"}, {2, "forbidden device"}}}},
      } {}

bool DiagnosisNames::add_local(std::uint8_t category, std::string name,
                               std::map<std::uint8_t, std::string> codes) {
  const auto has_name = [&](const auto& entry) { return entry.second.name == name; };
  if (category < ALIBI_MARK_LOCAL_FIRST || !is_name(name) ||
      std::ranges::any_of(categories_, has_name))
    return false;
  return categories_.emplace(category, Category{std::move(name), std::move(codes)}).second;
}

std::string DiagnosisNames::category(std::uint8_t category) const {
  const auto at = categories_.find(category);
  return at == categories_.end() ? std::to_string(category) : at->second.name;
}

std::string DiagnosisNames::meaning(std::uint8_t category, std::uint8_t code) const {
  const auto at = categories_.find(category);
  if (at == categories_.end()) return {};
  const auto meaning = at->second.codes.find(code);
  return meaning == at->second.codes.end() ? std::string{} : meaning->second;
}

std::string DiagnosisNames::text(std::uint8_t category, std::uint8_t code) const {
  return this->category(category) + "/" + std::to_string(code);
}

std::optional<std::uint8_t> DiagnosisNames::find_category(std::string_view text) const {
  const auto has_name = [&](const auto& entry) { return entry.second.name == text; };
  if (const auto at = std::ranges::find_if(categories_, has_name); at != categories_.end())
    return at->first;
  std::uint8_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return number;
}

std::map<std::uint8_t, std::string> DiagnosisNames::categories() const {
  std::map<std::uint8_t, std::string> names;
  for (const auto& [number, category] : categories_)
    names.emplace(number, category.name);
  return names;
}

}  // namespace alibi::event
