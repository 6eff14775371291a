#include "verify/verify.hpp"

#include <algorithm>
#include <array>

#include "verify/directory.hpp"
#include "verify/files.hpp"
#include "verify/verify_bundle.hpp"
#include "verify/verify_log.hpp"

namespace alibi::verify {
namespace {

bool is_bundle(const Directory& top) {
  return std::ranges::any_of(std::array{"claims.csv", "SHA256SUMS"}, [&](const char* name) {
    const auto file = top.file(name);
    return file || file.error().code != Errc::NotFound;
  });
}

}  // namespace

Result<bool> needs_key(const std::filesystem::path& path) {
  const auto top = Directory::open(path);
  if (!top) return std::unexpected(top.error());
  return is_bundle(*top) || has_seal(*top);
}

Result<Report> verify(const std::filesystem::path& path, const Inputs& inputs, Progress& progress) {
  const auto top = Directory::open(path);
  if (!top) return std::unexpected(top.error());
  if (is_bundle(*top)) return verify_bundle(path, inputs);
  if (!has_seal(*top)) {
    if (const auto events = top->directory("events"); !events)
      return during(path.string() + " is no log", events.error());
    Report report;
    report.verdict = Verdict::Unsealed;
    report.reason = "this log has no seal: nothing shows whether it was changed";
    return report;
  }
  return verify_log(path, inputs, progress);
}

}  // namespace alibi::verify
