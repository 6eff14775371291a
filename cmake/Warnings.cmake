# The one place where compiler, hardening and sanitizer flags live.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
                    -Wno-missing-field-initializers -fstack-protector-strong)
# GCC 12 sees overlaps in std::string + that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(ALIBI_DEVELOPER)
  add_compile_options(-Werror)
endif()
add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
add_link_options(-Wl,-z,relro,-z,now)

set(ALIBI_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined")
if(ALIBI_SANITIZE)
  add_compile_options(-fsanitize=${ALIBI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ALIBI_SANITIZE})
endif()
if(ALIBI_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
