#!/bin/sh
# The checks of the house must notice what they are there for: a tree with each
# fault in turn must fail, naming the fault.
set -eu
tools=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

expect() { # CHECK WORDS
  if output=$("$tools/$1" "$tree"); then
    echo "$1 accepted a tree with: $2"
    exit 1
  fi
  case $output in
    *"$2"*) ;;
    *) echo "$1 does not say '$2' but: $output"; exit 1 ;;
  esac
}

mkdir -p "$tree/src/base" "$tree/src/store" "$tree/src/query"
"$tools/check_includes" "$tree" >/dev/null
"$tools/check_sizes" "$tree" >/dev/null

echo 'int x;' >"$tree/src/store/log.hpp"
echo '#include "store/log.hpp"' >"$tree/src/base/clock.hpp"
expect check_includes 'src/base may not include src/store'
echo '#include "gone.hpp"' >"$tree/src/base/clock.hpp"
expect check_includes 'is not in the tree'
rm "$tree/src/base/clock.hpp"
echo 'target_link_libraries(alibi_store PUBLIC alibi_query)' >"$tree/src/store/CMakeLists.txt"
expect check_includes 'may not link alibi_query'
rm "$tree/src/store/CMakeLists.txt"
mkdir "$tree/src/misc"
expect check_includes 'src/misc: not in tools/check_includes'

seq 251 | sed 's|^|// |' >"$tree/src/store/log.hpp"
expect check_sizes '251 lines, at most 250'
rm "$tree/src/store/log.hpp"
{ echo 'int long_one() {'; seq 80 | sed 's|.*|  ++x;|'; echo '}'; } >"$tree/src/store/log.cpp"
expect check_sizes 'long_one has 82 lines, at most 80'
