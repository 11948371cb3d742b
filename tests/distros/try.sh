#!/bin/bash
# The unit, fault and feature suites in each Debian that people have: with its compiler, and its cpp-httplib, OpenSSL,
# nghttp2 and NATS; and the ways of docs/install.md with the core alone. By hand, and before a release:
#
#   sudo ./run test distros                     bookworm (12), trixie (13) and forky (testing), each from nothing
#   sudo ./run test distros trixie forky        only these
#   sudo ./run test distros --again trixie      in the root that the last trial left, brought up to date
#
# Each builds everything: an hour or more on two cores; again, only what has changed. Needs: root, debootstrap, 2 GB of
# disk for each. The roots are those of tests/bare/try.sh. The table comes last; it is also in build/log/distros.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."

again=()
if [ "${1:-}" = --again ]; then
  again=(--again)
  shift
fi
[ $# -gt 0 ] || set -- bookworm trixie forky
mkdir -p build/log
table=build/log/distros.txt
printf '%-9s | %-6s | %-11s | %-7s | %-7s | %-7s | %s | %s\n' Debian GCC cpp-httplib OpenSSL nghttp2 NATS tests "core by" >"$table"
failed=0
for suite; do
  log=build/log/distros-$suite.log
  printf 'distros: %s (%s)\n' "$suite" "$log"
  tests/bare/try.sh --suite "$suite" "${again[@]}" tests/distros/inside.sh >"$log" 2>&1 || failed=1
  row=$(sed -n 's/^distros: //p' "$log" | tail -n 1)
  printf '%-9s | %s\n' "$suite" "${row:-was not built: see $log}" >>"$table"
done
cat "$table"
exit "$failed"
