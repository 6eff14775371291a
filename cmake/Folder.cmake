# alibi_folder(NAME LIBRARIES...): one library per folder under src/, from all
# its sources; x_test.cpp files beside them become the test program NAME_test.
# The libraries named here are the only folders it may include from;
# tools/check_includes verifies that.

function(alibi_folder name)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  list(REMOVE_ITEM sources ${tests} "")
  if(NOT sources)  # headers only, so far
    add_library(alibi_${name} INTERFACE)
    target_include_directories(alibi_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
    target_link_libraries(alibi_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(alibi_${name} STATIC ${sources})
  target_include_directories(alibi_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(alibi_${name} PUBLIC ${ARGN})
  if(ALIBI_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE alibi_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()
