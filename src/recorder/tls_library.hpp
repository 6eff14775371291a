#pragma once
// Which files are TLS libraries that can be probed: by name, and found in what
// processes have mapped. Thread: any.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "wire/alibi_tls.h"

namespace alibi::recorder {

/// OpenSSL's libssl, also as wheels and other bundles name it
/// ("libssl-1a2b3c4d.so.1.1"), and libgnutls. Nothing for any other file.
[[nodiscard]] std::optional<alibi_tls_library> tls_library_of(std::string_view path);

/// "openssl", "gnutls"; "unknown" for what is no alibi_tls_library: the number comes out of a ring.
[[nodiscard]] const char* name_of(unsigned library);

struct MappedFile {
  std::string_view path;   ///< as the process sees it, without " (deleted)"
  std::string_view range;  ///< "7f12a000-7f12b000", as /proc/PID/map_files names it
  bool is_deleted = false;
};

/// One line of /proc/PID/maps (proc(5)). Nothing unless a file is mapped executable.
[[nodiscard]] std::optional<MappedFile> read_mapping(std::string_view line);

/// Every TLS library that a process has mapped now, each line once.
void for_each_mapped_library(
    const std::function<void(std::uint32_t pid, const MappedFile& file)>& visit);

/// Every one in the folders where the dynamic linker of this system looks.
void for_each_installed_library(const std::function<void(const std::string& path)>& visit);

}  // namespace alibi::recorder
