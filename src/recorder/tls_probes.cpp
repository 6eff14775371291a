#include "recorder/tls_probes.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <span>

#include "tls.skel.h"

namespace alibi::recorder {
namespace {

struct Function {
  const char* symbol;
  const char* program;
  bool is_return = false;
  bool is_needed = true;  ///< every version of the library has it
};

// Returns first: a call whose entry was seen must not come back unseen.
constexpr Function kOpenSsl[] = {
    {"SSL_write", "al_tls_return", true},
    {"SSL_read", "al_tls_return", true},
    {"SSL_write_ex", "al_tls_return", true, false},  // since 1.1.1
    {"SSL_read_ex", "al_tls_return", true, false},
    {"SSL_new", "al_ssl_new", true},
    {"SSL_clear", "al_ssl_clear"},
    {"SSL_free", "al_tls_free"},
    {"SSL_write", "al_ssl_write"},
    {"SSL_read", "al_ssl_read"},
    {"SSL_write_ex", "al_ssl_write_ex", false, false},
    {"SSL_read_ex", "al_ssl_read_ex", false, false},
};
constexpr Function kGnuTls[] = {
    {"gnutls_record_send", "al_tls_return", true}, {"gnutls_record_recv", "al_tls_return", true},
    {"gnutls_handshake", "al_gnutls_begin"},       {"gnutls_deinit", "al_tls_free"},
    {"gnutls_record_send", "al_gnutls_send"},      {"gnutls_record_recv", "al_gnutls_recv"},
};

struct SocketProgram {
  const char* program;
  const char* tracepoint;
  const char* instead_of;  ///< used only where this is missing; null: wherever there is its own
};
constexpr SocketProgram kSocketPrograms[] = {
    {"al_tls_send", "sock_send_length", nullptr},
    {"al_tls_recv", "sock_recv_length", nullptr},
    {"al_tls_queue", "net_dev_queue", "sock_send_length"},
    {"al_tls_rcv_space", "tcp_rcv_space_adjust", "sock_recv_length"},
};

/// The programs read arguments where x86_64 has them.
bool is_native_elf(const std::string& path) {
  std::array<char, 20> head{};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(head.data(), head.size())) return false;
  std::uint16_t machine = 0;
  std::memcpy(&machine, head.data() + 18, sizeof(machine));
  return std::memcmp(head.data(), ELFMAG, SELFMAG) == 0 && head[EI_CLASS] == ELFCLASS64 &&
         machine == EM_X86_64;
}

}  // namespace

Result<std::unique_ptr<TlsProbes>> TlsProbes::load(std::uint32_t ring_bytes) {
  auto probes = std::unique_ptr<TlsProbes>(new TlsProbes);
  bpf_object_open_opts opts{};
  opts.sz = sizeof(opts);
  opts.object_name = "tls";
  std::size_t size = 0;
  const void* bytes = tls_bpf__elf_bytes(&size);
  probes->object_ = ::bpf_object__open_mem(bytes, size, &opts);
  if (!probes->object_) return fail_errno(errno, "open BPF object tls");
  bpf_map* ring = ::bpf_object__find_map_by_name(probes->object_, "al_ring_tls");
  (void)::bpf_map__set_max_entries(ring, ring_bytes);
  probes->choose_socket_programs();
  if (const int error = -::bpf_object__load(probes->object_); error != 0) {
    if (error == EPERM)
      return fail(Errc::Denied, "the kernel refuses BPF (needs CAP_BPF and CAP_PERFMON)");
    return fail(Errc::Unsupported,
                fmt::format("this kernel does not take the probes for TLS libraries, which need "
                            "Linux 5.17 ({})",
                            std::strerror(error)));
  }
  probes->ring_fd_ = ::bpf_map__fd(ring);
  probes->counters_fd_ = ::bpf_object__find_map_fd_by_name(probes->object_, "al_tls_counters");
  probes->attach_socket_programs();
  return probes;
}

TlsProbes::~TlsProbes() {
  detach_from(0);
  ::bpf_object__close(object_);
}

// The kernel takes a tenth of a second for each, one after the other, whoever asks.
void TlsProbes::detach_from(std::size_t first) {
  for (std::size_t k = first; k < links_.size(); ++k)
    (void)::bpf_link__destroy(links_[k]);
  links_.resize(first);
}

void TlsProbes::choose_socket_programs() {
  btf* kernel = ::btf__load_vmlinux_btf();
  const auto has = [kernel](const char* tracepoint) {
    return kernel &&
           ::btf__find_by_name_kind(kernel, fmt::format("btf_trace_{}", tracepoint).c_str(),
                                    BTF_KIND_TYPEDEF) > 0;
  };
  for (const SocketProgram& one : kSocketPrograms) {
    const bool is_used = has(one.tracepoint) && !(one.instead_of && has(one.instead_of));
    bpf_program* program = ::bpf_object__find_program_by_name(object_, one.program);
    (void)::bpf_program__set_autoload(program, is_used);
  }
  ::btf__free(kernel);
}

void TlsProbes::attach_socket_programs() {
  for (const SocketProgram& one : kSocketPrograms) {
    bpf_program* program = ::bpf_object__find_program_by_name(object_, one.program);
    if (!::bpf_program__autoload(program)) continue;
    if (bpf_link* link = ::bpf_program__attach(program))
      links_.push_back(link);
    else
      flow_fault_ =
          fmt::format("connections are not named: {}: {}", one.tracepoint, std::strerror(errno));
  }
}

void TlsProbes::attach_present() {
  for_each_installed_library([this](const std::string& path) {
    if (const auto library = tls_library_of(path)) attach(path, path, *library);
  });
  for_each_mapped_library(
      [this](std::uint32_t pid, const MappedFile& file) { attach_mapped(pid, file); });
}

void TlsProbes::attach_mapped(std::uint32_t pid, const MappedFile& file) {
  const auto library = tls_library_of(file.path);
  if (!library) return;
  struct stat status {};
  for (const std::string& reachable :
       {file.is_deleted ? fmt::format("/proc/{}/map_files/{}", pid, file.range)
                        : fmt::format("/proc/{}/root{}", pid, file.path),
        std::string(file.is_deleted ? "" : file.path)}) {
    if (reachable.empty() || ::stat(reachable.c_str(), &status) != 0) continue;
    return attach(reachable, file.path, *library);
  }
  note_failure(file.path, *library, file.is_deleted ? "deleted" : "gone before it could be opened");
}

void TlsProbes::note_failure(std::string_view shown, alibi_tls_library library,
                             std::string detail) {
  const bool is_told = std::ranges::any_of(
      libraries_, [&](const TlsLibrary& one) { return one.path == shown && one.state != "ok"; });
  if (is_told || libraries_.size() >= 2 * kFilesMax) return;
  libraries_.push_back({std::string(shown), name_of(library), "failed", std::move(detail)});
}

void TlsProbes::attach(const std::string& reachable, std::string_view shown,
                       alibi_tls_library library) {
  struct stat status {};
  if (::stat(reachable.c_str(), &status) != 0) return;
  const std::pair file{std::uint64_t{status.st_dev}, std::uint64_t{status.st_ino}};
  if (files_.contains(file)) return;
  if (files_.size() >= kFilesMax)
    return note_failure(shown, library, fmt::format("{} files are probed already", kFilesMax));
  files_.insert(file);
  TlsLibrary made{std::string(shown), name_of(library), "ok", ""};
  if (!is_native_elf(reachable)) {
    made.state = "unsupported";
    made.detail = "not for x86_64";
  } else if (made.detail = attach_functions(reachable, library); !made.detail.empty()) {
    made.state = "failed";
  }
  libraries_.push_back(std::move(made));
}

/// All or nothing. Returns what is wrong.
std::string TlsProbes::attach_functions(const std::string& reachable, alibi_tls_library library) {
  const std::size_t before = links_.size();
  const auto functions = library == ALIBI_TLS_GNUTLS ? std::span<const Function>(kGnuTls)
                                                     : std::span<const Function>(kOpenSsl);
  for (const Function& function : functions) {
    bpf_uprobe_opts opts{};
    opts.sz = sizeof(opts);
    opts.func_name = function.symbol;
    opts.retprobe = function.is_return;
    const bpf_program* program = ::bpf_object__find_program_by_name(object_, function.program);
    constexpr pid_t kAllProcesses = -1;
    bpf_link* link =
        ::bpf_program__attach_uprobe_opts(program, kAllProcesses, reachable.c_str(), 0, &opts);
    if (link) {
      links_.push_back(link);
      continue;
    }
    const int error = errno;
    if (error == ENOENT && !function.is_needed) continue;
    detach_from(before);
    if (error == ENOENT) return fmt::format("it has no {}", function.symbol);
    if (error == EACCES || error == EPERM) return "this kernel wants CAP_SYS_ADMIN for it";
    return fmt::format("{}: {}", function.symbol, std::strerror(error));
  }
  return "";
}

Result<alibi_tls_counters> TlsProbes::read_counters() const {
  std::vector<alibi_tls_counters> counters(static_cast<std::size_t>(::libbpf_num_possible_cpus()));
  const std::uint32_t zero = 0;
  if (::bpf_map_lookup_elem(counters_fd_, &zero, counters.data()) != 0)
    return fail_errno(errno, "read counters of the probes for TLS libraries");
  alibi_tls_counters sum{};
  for (const alibi_tls_counters& one : counters) {
    sum.attempts += one.attempts;
    sum.lost += one.lost;
    sum.unread += one.unread;
  }
  return sum;
}

}  // namespace alibi::recorder
