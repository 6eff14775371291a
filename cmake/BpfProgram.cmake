# alibi_bpf_program(NAME [DEFINITIONS]): compiles NAME.bpf.c for the kernel and
# makes its skeleton header NAME.skel.h, on target bpf_NAME. With a second
# argument SOURCE the same source is compiled under another name and other
# definitions (used for kernels that lack a feature).

find_program(BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

function(alibi_bpf_program name)
  cmake_parse_arguments(BPF "" "SOURCE;CPU" "DEFINITIONS" ${ARGN})
  if(NOT BPF_SOURCE)
    set(BPF_SOURCE ${name})
  endif()
  if(NOT BPF_CPU)
    set(BPF_CPU v3)
  endif()
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${BPF_SOURCE}.bpf.c)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  list(TRANSFORM BPF_DEFINITIONS PREPEND -D)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -target bpf -mcpu=${BPF_CPU} -g -O2 -std=gnu11 -Wall -Werror
            -Wno-unused-function -Wno-address-of-packed-member
            -D__TARGET_ARCH_x86 ${BPF_DEFINITIONS}
            -I${PROJECT_SOURCE_DIR} -I${CMAKE_CURRENT_SOURCE_DIR}
            -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${object}
    COMMENT "BPF skeleton ${name}" VERBATIM)
  set_property(GLOBAL APPEND PROPERTY ALIBI_BPF_OBJECTS ${object})
  add_custom_target(bpf_${name}_files DEPENDS ${skeleton})
  add_library(bpf_${name} INTERFACE)
  add_dependencies(bpf_${name} bpf_${name}_files)
  target_include_directories(bpf_${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
