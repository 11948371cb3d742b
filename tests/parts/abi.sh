#!/bin/bash
# release/abi.sh finds what breaks programs that were linked with an earlier release: abi.sh SOURCE FOLDER
#
# In a clone, with the core alone: a release, then a commit that breaks nothing, one without a function, and one with a
# larger class.
set -euo pipefail
source=$1 folder=$2
git -C "$source" rev-parse --verify --quiet HEAD >/dev/null || { echo "skipped: $source is not a git repository"; exit 77; }
rm -rf "$folder"
git clone --quiet "$source" "$folder/clone"
cd "$folder/clone"
git tag | xargs --no-run-if-empty git tag --delete >/dev/null
cp "$source/release/abi.sh" release/

commit() { git -c user.name=test -c user.email=test@localhost commit --quiet --all --allow-empty --message "$1"; }

# expect STATUS TEXT: how release/abi.sh ends, and what it says.
expect() {
  local status=0 said
  said=$(MILLRACE_ABI=$folder/abi release/abi.sh -D MILLRACE_WITH_SERVER=OFF -D MILLRACE_WITH_CLIENT=OFF 2>&1) || status=$?
  if [ "$status" != "$1" ] || ! grep --quiet --fixed-strings "$2" <<<"$said"; then
    echo "$(git log -1 --format=%s): release/abi.sh ends with $status instead of $1, and says: $said" >&2
    exit 1
  fi
}
# expect_break TEXT: in what abidiff says.
expect_break() {
  expect 1 "libmillrace_core.so breaks programs of v0.0.1"
  grep --quiet --fixed-strings "$1" "$folder/abi/libmillrace_core.so.txt" || { cat "$folder/abi/libmillrace_core.so.txt"; exit 1; }
}

commit "a release"
expect 0 "there is no earlier release to compare the ABI with"
git tag v0.0.1
commit "nothing changes"
expect 0 "libmillrace_core.so: programs of v0.0.1 run with it"

sed -i 's/^bool is_idempotent(std::string_view method);/inline bool is_idempotent(std::string_view) { return false; }/' \
  core/include/millrace/core/method.h
sed -i '/method\.cpp/d' core/CMakeLists.txt
commit "a function is gone"
expect_break "1 Removed function"
git reset --quiet --hard HEAD^

sed -i 's/^  std::uint64_t random();/&\n  std::uint64_t more_ = 0;/' core/include/millrace/core/backoff.h
commit "a class has grown"
expect_break "type size changed"
