#include <cstdio>
#include <exception>

#include "cli/command.hpp"

int main(int argc, char** argv) {
  try {
    return alibi::cli::run_alibi({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {  // of a library, such as out of memory
    std::fprintf(stderr, "alibi: %s\n", error.what());
    return static_cast<int>(alibi::Errc::Internal);
  }
}
