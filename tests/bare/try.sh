#!/bin/bash
# Does ./run work on a machine that has nothing? This makes one: a minimal Debian 12 root (debootstrap), a clean clone
# of what is committed inside it, and the given command run there, timed.
#
#   sudo tests/bare/try.sh ./run test              from nothing
#   sudo tests/bare/try.sh ./run demo --port 0     until interrupted
#   sudo tests/bare/try.sh --again ./run test      in the root the last trial left, brought up to date by a fetch
#   sudo tests/bare/try.sh --suite trixie ./run test   in another Debian: its codename
#
# Everything is under $MILLRACE_BARE (default /tmp/millrace-bare): `base` is made once and copied to `root` for every
# trial; of another Debian, `base-trixie` and `root-trixie`. The mounts live in a mount namespace of their own and vanish
# with the trial, so removing the folder is safe. What this machine needs to reach its package registries (Debian's
# sources, the npm configuration, extra certificates) is handed in for the trial. Needs: root, debootstrap.
set -euo pipefail

say() { printf 'try: %s\n' "$*"; }
fail() { printf 'try: %s\n' "$*" >&2; exit 1; }

bare=${MILLRACE_BARE:-/tmp/millrace-bare}
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
suite=bookworm
again=no
while true; do
  case ${1:-} in
    --suite)
      suite=${2:?which Debian? For example: --suite trixie}
      shift 2
      ;;
    --again)
      again=yes
      shift
      ;;
    *) break ;;
  esac
done
of_suite=$([ "$suite" = bookworm ] || echo "-$suite")
base=$bare/base$of_suite
root=$bare/root$of_suite

make_base() {
  say "making a minimal Debian ($suite) in $base, once"
  rm -rf "$base.new"
  # Debian's own main archive among this machine's sources: the one that has what a base system is made of. sed reads all
  # lines, since apt-get fails if its reader ends early; the next line explains a failure.
  mirror=${MILLRACE_BARE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | sed -n 1p || true)}
  [ -n "$mirror" ] || fail "no source of Debian's packages here: name one in MILLRACE_BARE_MIRROR"
  # A Debian that is newer than debootstrap is made as the newest that it knows.
  script=/usr/share/debootstrap/scripts/$suite
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase "$suite" "$base.new" "$mirror" "$script" \
    >"$bare/debootstrap$of_suite.log" 2>&1 || fail "debootstrap failed: see $bare/debootstrap$of_suite.log"
  rm -f "$base.new/etc/apt/sources.list"
  if [ "$suite" != bookworm ]; then
    echo "deb $mirror $suite main" >"$base.new/etc/apt/sources.list"
    # A mirror of testing may be a copy that is older than its list is valid.
    echo 'Acquire::Check-Valid-Until "false";' >"$base.new/etc/apt/apt.conf.d/90millrace"
  else
    for source in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
      if [ -f "$source" ]; then cp "$source" "$base.new$source"; fi
    done
  fi
  mv "$base.new" "$base"
}

make_root() {
  say "copying it to $root"
  rm -rf "$root"
  cp -a "$base" "$root"
  git clone --quiet --no-hardlinks "$repository" "$root/root/millrace"
  # Where this machine trusts certificates of its own, so must the one inside.
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    mkdir -p "$root/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
  fi
  touch "$root/root/.npmrc"
}

# Makes the root the namespace's own, not only this process's as chroot does: the kernel refuses user namespaces in a
# chroot, and tests make networks of their own in them.
enter_root() {
  cd "$root"
  pivot_root . .
  umount -l .
  cd /root/millrace
}

# Runs inside the namespaces: mounts what a running system has, and starts the command.
inside() {
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/dev/shm"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"  # every installed system has it
  if [ -f "$HOME/.npmrc" ]; then mount --bind "$HOME/.npmrc" "$root/root/.npmrc"; fi
  local handed=()
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    mkdir -p "$root/run/trial"
    cp -L "$NODE_EXTRA_CA_CERTS" "$root/run/trial/certificates.pem"
    handed+=(NODE_EXTRA_CA_CERTS=/run/trial/certificates.pem npm_config_cafile=/run/trial/certificates.pem)
  fi
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  enter_root
  exec env -i HOME=/root PATH="$PATH" TERM="${TERM:-dumb}" CI="${CI:-}" "${handed[@]}" "$@"
}

if [ "${1:-}" = --inside ]; then
  shift
  inside "$@"
fi

[ "$(id -u)" = 0 ] || fail "a root of its own needs root: run it with sudo"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
mkdir -p "$bare"

[ $# -gt 0 ] || fail "which command? For example: tests/bare/try.sh ./run test"

if [ "$again" = yes ]; then
  [ -d "$root/root/millrace" ] || fail "there is no earlier trial in $root: leave out --again"
  git -C "$root/root/millrace" fetch --quiet origin
  git -C "$root/root/millrace" checkout --quiet --detach "$(git -C "$repository" rev-parse HEAD)"
else
  if [ ! -d "$base" ]; then make_base; fi
  make_root
fi

say "running '$*' at $(git -C "$root/root/millrace" log -1 --format='%h %s')"
begin=$SECONDS
status=0
unshare --mount --pid --fork --kill-child --propagation private "$0" --suite "$suite" --inside "$@" </dev/null || status=$?
say "exit $status after $((SECONDS - begin)) s"
exit "$status"
