#pragma once
// Which build of the kernel programs suits the running kernel. Two exist: one
// for Linux 5.15 and later, and one without what older kernels lack (bpf/lib,
// ALIBI_LEGACY), and without packets. Thread: any.

#include <cstddef>
#include <string>
#include <vector>

struct btf;

namespace alibi::recorder {

struct ProbeImage {
  const void* bytes = nullptr;  ///< an ELF object, static
  std::size_t size = 0;
  const char* name = nullptr;
};
using ProbeImages = std::vector<ProbeImage>;

/// By what the kernel's type information says it has, never by its version.
[[nodiscard]] ProbeImages choose_images(const btf* kernel);

/// Identifies the programs of this build: a pinned set of another build is
/// replaced, not continued.
[[nodiscard]] std::string build_mark(const ProbeImages& images);

}  // namespace alibi::recorder
