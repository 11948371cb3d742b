#!/bin/bash
# The ways of docs/install.md with the core alone, on this system: tests/distros/ways.sh [FOLDER]
#
# FetchContent, add_subdirectory, CMake's install with find_package, the single header, and the C interface from Python, by
# the scripts that ctest runs. Needs a C++ compiler, CMake, Ninja, pkg-config and Python, and nothing of Millrace's build.
# The last line names the ways that work; the exit code is 1 if one does not.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
build=$(realpath -m "${1:-build/ways}")
mkdir -p "$build"
compiler=$(command -v "${CXX:-c++}") || { echo "ways: there is no compiler"; exit 1; }
works=() failed=()

# way NAME SCRIPT DEFINITION…
way() {
  local name=$1 script=$2 definition parameters=()
  shift 2
  for definition in "source=$PWD" "build=$build/$name" "compiler=$compiler" "generator=Ninja" "$@"; do
    parameters+=(-D "$definition")
  done
  if cmake "${parameters[@]}" -P "$script" >"$build/$name.log" 2>&1; then works+=("$name"); else failed+=("$name"); fi
}

consumer=(program="$PWD/tests/parts/core_consumer/main.cpp" libraries=millrace::core)
core/single_header.sh 0.0.0 >"$build/millrace_parser.h"
way header tests/single_header/two_sources.cmake header="$build" source="$PWD/tests/single_header" program="$build/user"
way FetchContent tests/parts/fetch.cmake way=FetchContent "${consumer[@]}"
way add_subdirectory tests/parts/fetch.cmake way=add_subdirectory "${consumer[@]}"
way find_package tests/parts/core_alone.cmake
way C tests/parts/shared_core.cmake
[ ${#failed[@]} = 0 ] || echo "ways: these fail, see $build: ${failed[*]}"
echo "ways: ${works[*]}"
[ ${#failed[@]} = 0 ]
