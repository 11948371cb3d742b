#!/bin/sh
# Serves, publishes, receives, and looks at /metrics and at a profile: small_program.sh PROGRAM
set -eu
program=$1
lines=$(mktemp)
"$program" serve --insecure --port 0 --admin-listen 127.0.0.1:0 >"$lines" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$lines"' EXIT
origin=
while [ -z "$origin" ]; do
  kill -0 "$server" || { cat "$lines"; exit 1; }
  origin=$(sed -nE 's,.*listening on (http://127[0-9.:]+).*,\1,p' "$lines")
done
admin=$(sed -nE 's,.*routes for operators: (http://127[0-9.:]+).*,\1,p' "$lines")
"$program" publish "$origin" --topic parts hello
"$program" tail "$origin/events?topic=parts&lastEventId=earliest" --count 1 | grep 'hello$'
curl --silent "$admin/debug/pprof/profile" | grep 'MILLRACE_WITH_PROFILER=ON'
curl --silent "$admin/metrics" | grep 'this server has no format for them; link millrace::metrics'
[ "$(curl --silent --output /dev/null --write-out '%{http_code}' --header 'Content-Encoding: gzip' --data x \
  --header 'Content-Type: application/json' "$origin/events")" = 415 ]
