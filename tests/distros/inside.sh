#!/bin/bash
# What tests/distros/try.sh runs in each Debian: builds, tests, and says with what, in one line.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/install.sh
mkdir -p build/log
need compiler unit
packages "Python, to try the C interface with" python3

version_of() { dpkg-query -W -f '${source:Upstream-Version}' "$1" 2>/dev/null || echo none; }

status=0
result='was not built'
ways=$(tests/distros/ways.sh | sed -n 's/^ways: //p' | tail -n 1) || status=1
[ "$(wc -w <<<"$ways")" = 5 ] || status=1
if cmake --preset dev && cmake --build --preset dev; then
  ctest --preset unit --parallel "$(nproc)" | tee build/log/distro.log || status=1
  result=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 of \2 failed/p' build/log/distro.log)
else
  status=1
fi
printf 'distros: %-6s | %-11s | %-7s | %-7s | %-7s | %s | %s\n' "$(g++ -dumpfullversion)" \
  "$(version_of libcpp-httplib-dev)" "$(version_of libssl-dev)" "$(version_of libnghttp2-dev)" \
  "$(version_of nats-server)" "$result" "${ways:-none}"
exit "$status"
