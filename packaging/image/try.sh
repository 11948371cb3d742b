#!/bin/bash
# Tries what packaging/image/make.sh has made, as a container engine would run it: as its user, in its root, which is
# read-only but for the store's folder and /tmp, without capabilities, with nothing of this machine's environment. It needs
# root, and no engine.
#
#   sudo packaging/image/try.sh OUT
set -euo pipefail

say() { printf 'image: %s\n' "$*"; }
fail() { printf 'image: %s\n' "$*" >&2; exit 1; }

if [ "${1:-}" != --inside ]; then
  [ $# -eq 1 ] && [ -d "$1/root" ] || fail "expected OUT, which packaging/image/make.sh has made"
  [ "$(id -u)" = 0 ] || fail "a root of its own needs root: run it with sudo"
  exec unshare --mount --pid --fork --kill-child --propagation private "$0" --inside "$(realpath "$1")"
fi

root=$2/root
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o uid=65532,gid=65532,mode=0755 tmpfs "$root/var/lib/millrace"
port=$((20000 + RANDOM % 10000))
key=a-key-of-the-trial-0123

# As in the image's configuration, with a store and a key. The user has no capabilities.
program=(env -i MILLRACE_HOST=0.0.0.0 MILLRACE_PORT=$port MILLRACE_STORE=sqlite:/var/lib/millrace/events.db
  MILLRACE_PUBLISH_KEY=$key "$(command -v chroot)" --userspec=65532:65532 "$root" /usr/bin/millrace)

"${program[@]}" serve >/tmp/millrace-image-trial.log 2>&1 &
server=$!
healthy=no
for attempt in $(seq 100); do
  if "${program[@]}" healthcheck 2>/dev/null; then healthy=yes; break; fi
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[ "$healthy" = yes ] || { cat /tmp/millrace-image-trial.log >&2; fail "it does not become healthy"; }
mount -t proc proc /proc  # of this namespace of processes
grep -q '^Uid:[[:space:]]65532' "/proc/$server/status" || fail "it does not run as its user"
"${program[@]}" publish "http://127.0.0.1:$port" --topic trial hello --header "Authorization: Bearer $key" >/dev/null
[ "$("${program[@]}" tail "http://127.0.0.1:$port/events?topic=trial&lastEventId=earliest" --count 1 | grep -c 'hello$')" = 1 ] ||
  fail "what was published does not come back"
kill "$server"
wait "$server" || fail "it ends with exit code $?"
say "healthy, published, received and ended in order, as user 65532 in a read-only root"
