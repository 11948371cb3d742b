#!/bin/bash
# Compares what the shared libraries offer with the release before: release/abi.sh [CMAKE-OPTION…]
#
# Both are built shared, from the commit that is checked out and from the newest tag v… before it, and compared by abidiff
# (libabigail). Releases of one SONAME (major and minor number, before 1.0) must not break a program that was linked with an
# earlier one: that is an error. With another SONAME the difference is printed only. Options are handed to both builds.
set -euo pipefail

say() { printf 'release: %s\n' "$*"; }
fail() { printf 'release: %s\n' "$*" >&2; exit 1; }

repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
cd "$repository"
out=${MILLRACE_ABI:-$repository/build/release-abi}
before=$(git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null) || {
  say "there is no earlier release to compare the ABI with: no tag v… before this commit (in a clone without tags: git fetch --tags)"
  exit 0
}

# build COMMIT FOLDER OPTION…
build() {
  local commit=$1 folder=$2
  shift 2
  rm -rf "$folder"
  git clone --quiet --no-checkout "$repository" "$folder/tree"
  git -C "$folder/tree" checkout --quiet "$commit"
  cmake -G Ninja -S "$folder/tree" -B "$folder/build" -D BUILD_SHARED_LIBS=ON -D CMAKE_BUILD_TYPE=Debug \
    -D CMAKE_CXX_FLAGS_DEBUG="-g -Og" -D MILLRACE_WITH_PROGRAM=OFF "$@" >"$folder.log" 2>&1 &&
    cmake --build "$folder/build" >>"$folder.log" 2>&1 || fail "$commit does not build: see $folder.log"
  grep -q BUILD_SHARED_LIBS "$folder/tree/cmake/install.cmake" || fail "$before has no shared libraries to compare with"
}
mkdir -p "$out"
build "$before" "$out/before" "$@"
build HEAD "$out/now" "$@"

soname() { objdump -p "$1" | sed -n 's/^ *SONAME *//p'; }
for new in "$out"/now/build/*/libmillrace_*.so; do
  name=$(basename "$new")
  old=$(find "$out/before/build" -maxdepth 2 -name "$name")
  [ -n "$old" ] || { say "$name is new"; continue; }
  status=0
  abidiff --no-added-syms "$old" "$new" >"$out/$name.txt" 2>&1 || status=$?
  # Of its exit code, 1 and 2 are failures of its own. Otherwise there is a change: also one of a class's size, of which it
  # does not know that it breaks programs which have such an object.
  [ $((status & 3)) = 0 ] || fail "abidiff fails on $name: see $out/$name.txt"
  if [ "$status" = 0 ]; then
    say "$name: programs of $before run with it"
  elif [ "$(soname "$old")" != "$(soname "$new")" ]; then
    say "$name: differs from $before, and is $(soname "$new") now: $out/$name.txt"
  else
    fail "$name breaks programs of $before but is still $(soname "$new"): raise the minor version, or see $out/$name.txt"
  fi
done
