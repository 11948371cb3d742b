#!/bin/sh
# Serves, publishes, receives, and looks at /metrics: small_program.sh PROGRAM
set -eu
program=$1
lines=$(mktemp)
"$program" serve --insecure --port 0 >"$lines" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; rm -f "$lines"' EXIT
origin=
while [ -z "$origin" ]; do
  kill -0 "$server" || { cat "$lines"; exit 1; }
  origin=$(grep -oE 'http://127[0-9.:]+' "$lines" || true)
done
"$program" publish "$origin" --topic parts hello
"$program" tail "$origin/events?topic=parts&lastEventId=earliest" --count 1 | grep 'hello$'
curl --silent "$origin/metrics" | grep 'this server has no format for them; link millrace::metrics'
[ "$(curl --silent --output /dev/null --write-out '%{http_code}' --header 'Content-Encoding: gzip' --data x \
  --header 'Content-Type: application/json' "$origin/events")" = 415 ]
