#include "cli/settings_file.hpp"

#include <fstream>

namespace alibi::cli {

Result<std::string> read_settings(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail_errno(errno != 0 ? errno : EIO, "open " + path.string());
  std::string text(kSettingsBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return fail_errno(EIO, "read " + path.string());
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

}  // namespace alibi::cli
