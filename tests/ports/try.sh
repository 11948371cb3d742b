#!/bin/bash
# The core on other systems: tests/ports/try.sh [armhf] [s390x] [windows]
#
# Its sources and its tests of the format, of the client's state machine and of the C interface are compiled for a 32-bit
# ARM, for a big-endian machine and for Windows, with GoogleTest from its source, and run: by QEMU's user mode, by Wine if it
# is there. Used by ./run test ports, which installs the compilers. Prints a line for each; the exit code is 1 if one fails.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${MILLRACE_PORTS:-build/ports}
gtest=/usr/src/googletest/googletest
tests=(c_interface_test event_source_state_test fixture fixture_test reference_parser simulated_client stream_generator
  transcript writer_fixture_test)

# compile FOLDER COMPILER FLAG…: the program FOLDER/tests.
compile() {
  local folder=$1 objects=() source name
  shift
  mkdir -p "$folder/include"
  # Of /usr/include only what is the same everywhere.
  cp -r /usr/include/nlohmann "$folder/include/"
  for source in core/src/*.cpp "${tests[@]/#/tests/unit/core/}" "$gtest/src/gtest-all.cc" "$gtest/src/gtest_main.cc"; do
    [[ $source == *.c* ]] || source=$source.cpp
    name=$folder/$(basename "$source").o
    objects+=("$name")
    "$@" -std=c++20 -O1 -D"MILLRACE_FIXTURES=\"$PWD/tests/fixtures\"" -I core/include -I core/src -I tests/unit/core \
      -I "$gtest/include" -I "$gtest" -I "$folder/include" -c "$source" -o "$name" || return
  done
  "$@" -static "${objects[@]}" -o "$folder/tests"
}

# try NAME RUNNER COMPILER FLAG…
try() {
  local name=$1 runner=$2
  shift 2
  local log=$out/$name.log
  mkdir -p "$out/$name"
  if ! command -v "$1" >/dev/null; then
    echo "ports: $name: the compiler $1 is missing"
    return 1
  fi
  if ! compile "$out/$name" "$@" >"$log" 2>&1; then
    echo "ports: $name: does not compile: see $log"
    return 1
  fi
  if [ -z "$runner" ]; then
    echo "ports: $name: compiles and links; nothing here runs it"
    return
  fi
  if ! $runner "$out/$name/tests" --gtest_brief=1 >>"$log" 2>&1; then
    echo "ports: $name: fails: see $log"
    return 1
  fi
  echo "ports: $name: $(grep -aE '^\[  PASSED  \]' "$log" | tail -n 1 | tr -d '\r')"
}

failed=0
[ $# -gt 0 ] || set -- armhf s390x windows
for port; do
  case $port in
    armhf) try armhf qemu-arm-static arm-linux-gnueabihf-g++ -Wno-psabi ;;
    s390x) try s390x qemu-s390x-static s390x-linux-gnu-g++ ;;
    windows) try windows "$(command -v wine64 || command -v wine || true)" x86_64-w64-mingw32-g++-posix ;;
    *) echo "ports: unknown port '$port'; expected armhf, s390x or windows" >&2 && exit 2 ;;
  esac || failed=1
done
exit $failed
