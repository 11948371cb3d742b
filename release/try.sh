#!/bin/bash
# Tries what release/make.sh has made, each from its file and where nothing of this tree is: release/try.sh OUT [--root]
#
# The sums are right; the archive's build, installed, has what a consumer builds on; the npm package works in an empty
# project by import and by require; the Debian packages unpack and start. With --root (as root, from Debian's archive,
# a few minutes) the Debian packages are installed by apt in a new Debian 12 with all that they say they need, and there
# the program serves and a consumer is built.
set -euo pipefail

say() { printf 'release: %s\n' "$*"; }
fail() { printf 'release: %s\n' "$*" >&2; exit 1; }

out=$(realpath "$1")
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
consumer=$repository/tests/install/consumer
version=$(sed -nE 's/^Millrace ([^,]+),.*/\1/p' "$out"/*-built-with.txt)
try=$out.try
rm -rf "$try"
mkdir -p "$try"

(cd "$out" && sha256sum --check --quiet SHA256SUMS)
say "the checksums are right"

DESTDIR=$try/installed cmake --install "$out.work/cmake" >/dev/null
prefix=$try/installed/usr
cmake -G Ninja -S "$consumer" -B "$try/consumer" -D CMAKE_PREFIX_PATH="$prefix" -D millrace_version="$version" \
  -D millrace_include="$prefix/include" >/dev/null
cmake --build "$try/consumer" --target consumer plugin >/dev/null
"$try/consumer/consumer" >/dev/null
say "a consumer and a shared object build on what the source archive installs; the consumer receives an event"

cmake -D compiler=g++ -D header="$out" -D source="$repository/tests/single_header" -D program="$try/single-header" \
  -P "$repository/tests/single_header/two_sources.cmake" >/dev/null
grep -q "^// Millrace $version:" "$out/millrace_parser.h" || fail "millrace_parser.h has another version"
say "the single header is used in two sources without a warning"

for package in "$out"/*.deb; do
  [ "$(dpkg-deb --field "$package" Version)" = "$version" ] || fail "$package is not of version $version"
  dpkg-deb --extract "$package" "$try/debian"
done
[ -f "$try/debian/usr/share/millrace/ui/index.html" ] || fail "the package has no page of serve --ui"
[ "$("$try/debian/usr/bin/millrace" --version)" = "millrace $version" ] || fail "millrace --version is not $version"
grep -q "^Version: $version\$" "$try"/debian/usr/lib/*/pkgconfig/millrace-server.pc || fail "pkg-config has another version"
if grep --recursive --files-with-matches --fixed-strings "$out" "$try/debian"; then
  fail "these files name the folder they were built in"
fi
say "the Debian packages unpack, name no folder of this machine, and start"

mkdir "$try/npm"
cd "$try/npm"
echo '{ "private": true }' >package.json
npm install --offline --ignore-scripts --no-audit --no-fund --loglevel=error "$out/millrace-npm-$version.tgz" >/dev/null
cat >import.mjs <<'JS'
import { EventSource } from "millrace";
const source = new EventSource(process.argv[2]);
source.onmessage = ({ data }) => { console.log(data); source.close(); };
JS
cat >require.cjs <<'JS'
const { connect } = require("millrace");
(async () => { for await (const { data } of connect(process.argv[2])) { console.log(data); break; } })();
JS
# Process substitution, so that the server's number is known and it alone is ended.
exec {lines}< <(exec "$try/debian/usr/bin/millrace" serve --insecure --port 0 2>&1)
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
origin=
while [ -z "$origin" ] && IFS= read -r -t 30 -u "$lines" line; do
  origin=$(grep -oE 'http://[0-9.:]+' <<<"$line" || true)
done
[ -n "$origin" ] || fail "millrace serve does not say where it listens"
"$try/debian/usr/bin/millrace" publish "$origin" --topic release "hello" >/dev/null
for program in import.mjs require.cjs; do
  [ "$(timeout 30 node "$program" "$origin/events?topic=release&lastEventId=earliest")" = hello ] ||
    fail "$program, with the npm package, does not receive what the program serves"
done
say "the npm package, installed into an empty project, receives by import and by require"

[ "${2:-}" = --root ] || exit 0
[ "$(id -u)" = 0 ] || fail "to install packages in a new root needs root"
bare=${MILLRACE_BARE:-/tmp/millrace-bare}
"$repository/tests/bare/try.sh" true >/dev/null || fail "tests/bare/try.sh makes no root: try it by hand"
mkdir "$bare/root/release"
cp "$out"/*.deb "$consumer/main.cpp" "$bare/root/release/"
"$repository/tests/bare/try.sh" --again bash -euc '
  apt-get update
  apt-get install --yes --no-install-recommends /release/millrace_*.deb
  millrace serve --insecure --port 8080 & server=$!
  for attempt in $(seq 100); do millrace publish http://127.0.0.1:8080 --topic release hello 2>/dev/null && break; sleep 0.1; done
  millrace tail "http://127.0.0.1:8080/events?topic=release&lastEventId=earliest" --count 1 | grep "hello$"
  kill $server
  apt-get install --yes /release/libmillrace-dev_*.deb
  apt-get install --yes --no-install-recommends g++
  g++ -std=c++20 /release/main.cpp -o /release/consumer $(pkg-config --cflags --libs millrace-server millrace-client)
  /release/consumer
' >"$try/root.log" 2>&1 || { tail -n 20 "$try/root.log" >&2; fail "the Debian packages do not work in a new Debian: see $try/root.log"; }
say "the Debian packages install by apt in a new Debian, where the program serves and a consumer builds"
