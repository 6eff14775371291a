#pragma once
// SIGINT and SIGTERM as a question, for commands that go on until told to stop.

namespace alibi::cli {

/// From now on these signals only make was_interrupted() true.
void catch_interrupts();
[[nodiscard]] bool was_interrupted();

}  // namespace alibi::cli
