#pragma once
// Standard output as the commands use it: whole pieces, buffered, and a reader
// that goes away (`| head`) ends the work quietly.

#include <string_view>

#include "base/result.hpp"

namespace alibi::cli {

class Output {
 public:
  void write(std::string_view text);
  /// Hands over what is buffered, for live output.
  void flush();
  /// False once nobody reads any more or the device is full: stop working.
  [[nodiscard]] bool is_open() const { return sys_errno_ == 0; }
  /// 0; also when the reader went away. Errors: Io.
  Result<int> finish();

 private:
  int sys_errno_ = 0;
};

[[nodiscard]] bool is_terminal();     ///< is standard output one
[[nodiscard]] std::size_t columns();  ///< of the terminal; 0 when it is none

}  // namespace alibi::cli
