#!/bin/bash
# How long from an empty directory to the first event:
#
#   sudo tests/install/first_event.sh [--suite CODENAME] [package] [header] [fetch]
#
# In a bare Debian (tests/bare/try.sh), for the Debian package, the single header and FetchContent, each in a copy of its
# own: apt's downloads, the compiler's installation and the build count. Prints a line for each, which docs/install.md has.
# CODENAME is bookworm (12) by default. The Debian package is of the Debian that made it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bare=${MILLRACE_BARE:-/tmp/millrace-bare}
suite=bookworm
if [ "${1:-}" = --suite ]; then
  suite=${2:?which Debian? For example: --suite trixie}
  shift 2
fi
root=$bare/root$([ "$suite" = bookworm ] || echo "-$suite")
version=$(sed -nE 's/^ *"version": "([^"]+)".*/\1/p' client-wasm/package.json | head -n 1)

say() { printf 'first event: %s\n' "$*"; }
fail() { printf 'first event: %s\n' "$*" >&2; exit 1; }

# trial NAME COMMANDS: what is needed is in /trial of the root, and nothing else is there.
trial() {
  local name=$1 log=$bare/first-event-$suite-$1.log begin
  tests/bare/try.sh --suite "$suite" true >"$log" 2>&1 || fail "tests/bare/try.sh makes no root: see $log"
  rm -rf "$root/root/millrace/build" "$root/trial"
  mkdir "$root/trial"
  cp -r "$bare/trial/." "$root/trial/"
  # The lists of packages are a machine's that is in use.
  tests/bare/try.sh --suite "$suite" --again apt-get update >>"$log" 2>&1
  begin=$SECONDS
  tests/bare/try.sh --suite "$suite" --again bash -euc "cd /trial; $2" >>"$log" 2>&1 || fail "$name: see $log"
  grep -q '^received: ' "$log" || fail "$name: no event was received: see $log"
  say "$suite: $name: $((SECONDS - begin)) s"
}

rm -rf "$bare/trial"
mkdir -p "$bare/trial"
[ $# -gt 0 ] || set -- header package fetch
for way; do
  case $way in
    header)
      core/single_header.sh "$version" >"$bare/trial/millrace_parser.h"
      cp tests/single_header/implementation.cpp tests/single_header/user.cpp "$bare/trial/"
      trial header 'apt-get install --yes --no-install-recommends g++
        g++ -std=c++20 implementation.cpp user.cpp -o main; ./main'
      ;;
    package)
      # cpack'ed by the tests of the packages.
      cp build/dev/tests/install/root-packages/libmillrace-dev_*.deb tests/install/consumer/main.cpp "$bare/trial/" ||
        fail "there is no Debian package: run ctest --test-dir build/dev -R Install.PackagesUnpack"
      trial package 'apt-get install --yes --no-install-recommends ./libmillrace-dev_*.deb g++ pkg-config libcpp-httplib-dev \
          libcurl4-openssl-dev libc-ares-dev libssl-dev libnghttp2-dev zlib1g-dev libbrotli-dev liburing-dev
        g++ -std=c++20 main.cpp -o main $(pkg-config --cflags --libs millrace-server millrace-client); ./main'
      ;;
    fetch)
      git archive --format=tar.gz --prefix="millrace-$version/" HEAD >"$bare/trial/millrace.tar.gz"
      cp tests/install/consumer/main.cpp "$bare/trial/"
      cat >"$bare/trial/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(main LANGUAGES CXX)
include(FetchContent)
FetchContent_Declare(millrace URL ${CMAKE_SOURCE_DIR}/millrace.tar.gz)
FetchContent_MakeAvailable(millrace)
add_executable(main main.cpp)
target_link_libraries(main PRIVATE millrace::server millrace::client)
CMAKE
      trial fetch 'apt-get install --yes --no-install-recommends g++ cmake ninja-build pkg-config libcpp-httplib-dev \
          libcurl4-openssl-dev libc-ares-dev libssl-dev libnghttp2-dev zlib1g-dev libbrotli-dev nlohmann-json3-dev
        cmake -G Ninja -B build; cmake --build build --target main; build/main'
      ;;
    *) fail "unknown way '$way'; expected package, header or fetch" ;;
  esac
  rm -rf "$bare/trial"
  mkdir -p "$bare/trial"
done
