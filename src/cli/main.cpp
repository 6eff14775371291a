#include <cstdio>
#include <cstring>
#include <exception>

#include "cli/command.hpp"
#include "recorder/self_test_actions.hpp"

int main(int argc, char** argv) {
  // What the recorder executes to see whether it notices.
  if (argc == 2 && std::strcmp(argv[1], alibi::recorder::kSelfTestArgument) == 0) return 0;
  try {
    return alibi::cli::run_alibi({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {  // of a library, such as out of memory
    std::fprintf(stderr, "alibi: %s\n", error.what());
    return static_cast<int>(alibi::Errc::Internal);
  }
}
