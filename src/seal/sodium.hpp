#pragma once
// libsodium, made ready once before its first use. Only for .cpp files of this
// folder. Thread: any.

#include <sodium.h>

#include <string>
#include <string_view>

#include "base/check.hpp"

namespace alibi::seal {

inline void require_sodium() {
  static const int state = ::sodium_init();
  ALIBI_CHECK(state >= 0);
}

inline const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* unsigned_bytes(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace alibi::seal
