#pragma once
// Has a `note` leaf appended to a log by whoever may: the recorder that holds
// the lock (it looks into DIR/requests, root only, once a second), or, where
// none does, this process itself.

#include <string>

#include "base/result.hpp"
#include "seal/seal_layout.hpp"

namespace alibi::seal {

struct NoteRequest {
  std::string what;    ///< "disclosure" or "remark"
  std::string sha256;  ///< hex, may be empty
  std::string text;    ///< may be empty
};

struct NoteAnswer {
  std::uint64_t index = 0;  ///< of the leaf
  std::string checkpoint;   ///< signed, of a tree that has it; all tiles are in log/tile
};

/// Waits up to ten seconds. Errors: NotFound (no identity), Denied, Io;
/// Unsupported when the recorder does not answer.
[[nodiscard]] Result<NoteAnswer> append_note(const SealLayout& layout, const NoteRequest& request);

}  // namespace alibi::seal
