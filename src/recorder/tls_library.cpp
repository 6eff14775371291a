#include "recorder/tls_library.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>

namespace alibi::recorder {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

/// "libssl.so.3", "libssl-1a2b3c4d.so.1.1" for "libssl".
bool is_named(std::string_view file, std::string_view name) {
  if (!file.starts_with(name)) return false;
  file.remove_prefix(name.size());
  if (file.starts_with('-')) {
    const auto end = std::min(file.find_first_not_of("0123456789abcdef", 1), file.size());
    if (end == 1) return false;
    file.remove_prefix(end);
  }
  return file == ".so" || file.starts_with(".so.");
}

/// The next word; `text` goes on behind it.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<alibi_tls_library> tls_library_of(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  if (is_named(file, "libssl")) return ALIBI_TLS_OPENSSL;
  if (is_named(file, "libgnutls")) return ALIBI_TLS_GNUTLS;
  return std::nullopt;
}

const char* name_of(unsigned library) {
  if (library == ALIBI_TLS_OPENSSL) return "openssl";
  return library == ALIBI_TLS_GNUTLS ? "gnutls" : "unknown";
}

std::optional<MappedFile> read_mapping(std::string_view line) {
  MappedFile file;
  file.range = next_word(line);
  const std::string_view rights = next_word(line);
  if (rights.size() < 3 || rights[2] != 'x') return std::nullopt;
  for (int unused = 0; unused < 3; ++unused)  // offset, device, inode
    if (next_word(line).empty()) return std::nullopt;
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  if (!line.starts_with('/')) return std::nullopt;
  file.is_deleted = line.ends_with(kDeleted);
  if (file.is_deleted) line.remove_suffix(kDeleted.size());
  file.path = line;
  return file;
}

void for_each_mapped_library(
    const std::function<void(std::uint32_t pid, const MappedFile& file)>& visit) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    std::uint32_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    std::ifstream maps(entry.path() / "maps");
    for (std::string line; std::getline(maps, line);)
      if (const auto file = read_mapping(line); file && tls_library_of(file->path))
        visit(pid, *file);
  }
}

void for_each_installed_library(const std::function<void(const std::string& path)>& visit) {
  for (const char* folder : {"/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu", "/lib", "/lib64",
                             "/lib/*-linux-gnu", "/usr/local/lib", "/usr/local/lib64"}) {
    for (const char* name : {"libssl.so*", "libgnutls.so*"}) {
      glob_t found{};
      const std::unique_ptr<glob_t, decltype(&::globfree)> freed(&found, &::globfree);
      if (::glob(fmt::format("{}/{}", folder, name).c_str(), GLOB_NOSORT, nullptr, &found) != 0)
        continue;
      for (std::size_t k = 0; k < found.gl_pathc; ++k)
        if (tls_library_of(found.gl_pathv[k])) visit(found.gl_pathv[k]);
    }
  }
}

}  // namespace alibi::recorder
