#pragma once
// Marking as this host does it: what is said, whether it is sent, and a record
// of each change. One request at a time over all processes: a lock on the pin
// directory. Thread: one per object, for it may enter network namespaces.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "event/diagnosis_names.hpp"
#include "mark/kernel_programs.hpp"
#include "mark/request.hpp"

namespace alibi::mark {

/// Who asked. For the record; whether they may is decided before.
struct Caller {
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::string via;  ///< command, socket
};

struct ListedDiagnosis {
  std::uint8_t category = 0;
  std::uint8_t code = 0;
  std::uint32_t time_s = 0;
  std::optional<WallNs> end;
};

struct Listing {
  bool is_on = false;
  std::uint32_t version = 1;
  std::uint32_t key_number = 0;            ///< of version 2
  std::vector<ListedDiagnosis> diagnoses;  ///< those that have not ended, most recent first
  std::size_t guarded_devices = 0;
  alibi_mark_counters counters{};
};

/// How marks are written; what `alibi mark on` may be told.
struct Format {
  std::uint32_t version = 1;
  std::uint32_t key_number = 0;
  std::array<std::uint8_t, ALIBI_MARK_KEY_BYTES> key{};
};

class Sender {
 public:
  Sender(Settings settings, std::filesystem::path log_directory);

  /// Does it, and leaves a record of it if it changed anything. Returns the
  /// state afterwards. Errors: Denied, Unsupported, NotFound (nothing to
  /// delete), Io.
  Result<Listing> act(const Request& request, const Caller& caller,
                      const std::optional<Format>& format = std::nullopt);

  /// New devices are guarded, the offset of the clock is written anew. While
  /// marking is off nothing happens.
  Status refresh();

 private:
  Status change(const Request& request, const std::optional<Format>& format,
                alibi_mark_state& state, std::string& dropped);
  Status record(const Request& request, const Caller& caller, const alibi_mark_state& state,
                const std::string& dropped) const;
  Result<Listing> list(const alibi_mark_state& state) const;

  std::filesystem::path pins_;
  KernelPrograms programs_;
  std::filesystem::path log_directory_;
  event::DiagnosisNames names_;
};

/// One JSON object without line end; and back. Errors: Corrupt.
[[nodiscard]] std::string to_json(const Listing& listing, const event::DiagnosisNames& names);
[[nodiscard]] Result<Listing> parse_listing(std::string_view json);

}  // namespace alibi::mark
