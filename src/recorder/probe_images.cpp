#include "recorder/probe_images.hpp"

#include <bpf/btf.h>
#include <fmt/format.h>
#include <linux/btf.h>

#include <cstdint>
#include <string_view>

#include "packet.skel.h"
#include "process.skel.h"
#include "process_legacy.skel.h"
#include "snapshot.skel.h"
#include "snapshot_legacy.skel.h"
#include "socket.skel.h"
#include "socket_legacy.skel.h"

namespace alibi::recorder {
namespace {

bool has_helper(const btf* kernel, std::string_view name) {
  const int id = ::btf__find_by_name_kind(kernel, "bpf_func_id", BTF_KIND_ENUM);
  const btf_type* type =
      id > 0 ? ::btf__type_by_id(kernel, static_cast<std::uint32_t>(id)) : nullptr;
  if (!type) return false;
  const auto* values = ::btf_enum(type);
  for (int i = 0; i < ::btf_vlen(type); ++i) {
    const char* value = ::btf__name_by_offset(kernel, values[i].name_off);
    if (value && name == value) return true;
  }
  return false;
}

ProbeImage image(const void* (*bytes_of)(std::size_t*), const char* name) {
  ProbeImage image;
  image.bytes = bytes_of(&image.size);
  image.name = name;
  return image;
}

}  // namespace

ProbeImages choose_images(const btf* kernel) {
  // The youngest helper the programs use (5.15). With it came or before it were
  // all other things they use: socket storage in tracing programs, reading the
  // value before an atomic addition, links of tracepoints that can be pinned.
  if (has_helper(kernel, "BPF_FUNC_task_pt_regs"))
    return {image(process_bpf__elf_bytes, "process"), image(socket_bpf__elf_bytes, "socket"),
            image(snapshot_bpf__elf_bytes, "snapshot"), image(packet_bpf__elf_bytes, "packet")};
  return {image(process_legacy_bpf__elf_bytes, "process"),
          image(socket_legacy_bpf__elf_bytes, "socket"),
          image(snapshot_legacy_bpf__elf_bytes, "snapshot")};
}

std::string build_mark(const ProbeImages& images) {
  std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a: names a build, protects nothing
  for (const ProbeImage& image : images)
    for (std::size_t k = 0; k < image.size; ++k)
      hash = (hash ^ static_cast<const std::uint8_t*>(image.bytes)[k]) * 1099511628211ULL;
  return fmt::format("build_{:016x}", hash);
}

}  // namespace alibi::recorder
