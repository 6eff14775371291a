#pragma once
// What the commands that read a log have in common: where it is, how the answer
// looks, and what has to be said about damage.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "report/style.hpp"
#include "store/log_reader.hpp"

namespace CLI {
class App;
}

namespace alibi::cli {

inline constexpr const char* kDefaultDirectory = "/var/lib/alibi";

struct DirectoryOption {
  std::string directory;  ///< empty: not given
  void declare(CLI::App& app);
  [[nodiscard]] bool is_given() const;  ///< by option or environment
  /// --dir, else $ALIBI_DIR, else the default.
  [[nodiscard]] std::filesystem::path value() const;
};

/// The same of a command that asks questions.
struct LogOption : DirectoryOption {
  std::string identity;  ///< age identity that opens encrypted files; empty: none
  void declare(CLI::App& app);
};

struct StyleOptions {
  bool is_json = false;
  std::string colour = "auto";
  bool is_local = false;
  bool is_whole = false;
  void declare(CLI::App& app);
  void declare_whole(CLI::App& app);  ///< of answers that have command lines beside others
  [[nodiscard]] report::Style style() const;
  [[nodiscard]] report::Zone zone() const {
    return is_local ? report::Zone::Local : report::Zone::Utc;
  }
};

/// Exit status of one answer from the log: opens it, has `answer` print, says what was damaged.
Result<int> answer_from(const LogOption& log,
                        const std::function<Result<int>(store::LogReader&)>& answer);

/// Opens the log. Errors: as LogReader::open, with what to do.
Result<std::unique_ptr<store::LogReader>> open_log(const LogOption& log);

/// Says on stderr that encrypted files are not read, where there are some and no identity.
void tell_encrypted(const LogOption& log);

/// Says on stderr what the reader had to skip, each damage once.
class DamageWarning {
 public:
  explicit DamageWarning(const store::LogReader& reader) : reader_(reader) {}
  void tell_new();

 private:
  const store::LogReader& reader_;
  std::size_t told_ = 0;
};

/// `status`, or Corrupt where the log was damaged and nothing worse happened.
[[nodiscard]] int status_after(const store::LogReader& reader, int status);

}  // namespace alibi::cli
