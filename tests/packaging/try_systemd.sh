#!/bin/bash
# The Debian package under systemd itself, by hand: systemd runs as the first process of a bare Debian (tests/bare/try.sh)
# in namespaces of its own, starts the service by its unit, and is watched while it reloads, restarts, waits for a port,
# misses its watchdog, and hands its listening socket over.
#
#   sudo tests/packaging/try_systemd.sh FOLDER           FOLDER has millrace_*.deb, of `cpack`
#   sudo tests/packaging/try_systemd.sh --again          in the root that the last trial left
#
# Needs root, debootstrap, util-linux, and a kernel with cgroups (version 2, beside version 1 as well).
set -euo pipefail

fail() { printf 'try: %s\n' "$*" >&2; exit 1; }
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
bare=${MILLRACE_BARE:-/tmp/millrace-bare}
root=$bare/root
given=${1:?which folder has the package?}
if [ "$given" != --again ]; then
  package=$(realpath "$(ls "$given"/millrace_*.deb)")
  "$repository/tests/bare/try.sh" true >/dev/null || fail "tests/bare/try.sh makes no root: try it by hand"
  mkdir -p "$root/release"
  cp "$package" "$root/release/"
  "$repository/tests/bare/try.sh" --again bash -euc '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update >/dev/null
    apt-get install --yes --no-install-recommends systemd systemd-sysv dbus curl /release/millrace_*.deb >/dev/null
    cp -p /etc/millrace/millrace.toml /etc/millrace/millrace.toml.new
  '
fi
cp -p "$root/etc/millrace/millrace.toml.new" "$root/etc/millrace/millrace.toml"
rm -rf "$root/var/lib/millrace" "$root"/etc/systemd/system/sockets.target.wants/millrace.socket

cat >"$root/usr/local/bin/trial" <<'TRIAL'
#!/bin/bash
# Runs as a service, beside the one that it tries.
set -euo pipefail
say() { printf 'try: %s\n' "$*"; }
fail() {
  printf 'try: %s\n' "$*" >&2
  systemctl status --no-pager --lines 20 millrace.service millrace.socket >&2 || true
  exit 1
}
property() { systemctl show --property "$1" --value millrace.service; }
is() { [ "$(property "$1")" = "$2" ] || fail "$1 is $(property "$1"), not $2"; }
# until_is SECONDS WHAT COMMAND…
until_is() {
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq $((10 * seconds))); do "$@" && return; sleep 0.1; done
  fail "not within $seconds s: $what"
}
state_is() { [ "$(property ActiveState)" = "$1" ]; }
file=/etc/millrace/millrace.toml
set_option() { sed -i "s|^#$1 = .*|$1 = $2|" $file; grep -q "^$1 = " $file || fail "the file has no option $1"; }
answers() { [ "$(curl --silent --max-time 5 http://127.0.0.1:8080/healthz)" = ok ]; }

set_option store '"sqlite:/var/lib/millrace/events.db"'
set_option admin-listen '"unix:/run/millrace/admin.sock"'
set_option access-log '"/var/log/millrace/access.log"'

# --- Ready ---
systemctl start millrace.service || fail "it does not start"
is ActiveState active
is Type notify
is WatchdogUSec 1min
case $(property StatusText) in "listening on http://127.0.0.1:8080") ;; *) fail "its status is $(property StatusText)" ;; esac
answers || fail "it is active and does not answer"
process=$(property MainPID)
[ "$(ps -o user= -p "$process" 2>/dev/null || stat -c %U "/proc/$process")" = millrace ] || fail "it runs as another user"
[ "$(stat -c '%U %a' /run/millrace/admin.sock)" = "millrace 660" ] || fail "there is no admin socket"
grep -q '^Seccomp:[[:space:]]*2' "/proc/$process/status" || fail "there is no filter of system calls"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$process/status" || fail "it has capabilities"
say "started: active when it listens, as user millrace, without capabilities, with a filter of system calls"

# --- Reload ---
set_option log-level '"debug"'
systemctl reload millrace.service || fail "it does not reload"
is ActiveState active
is MainPID "$process"
say "reloaded: the same process, active again"
echo 'prot = 1' >>$file
systemctl reload millrace.service || true
is ActiveState active
answers || fail "a bad file ends it"
sed -i '/^prot = 1$/d' $file
say "a bad file of options at a reload changes nothing"

# --- Restart ---
systemctl restart millrace.service || fail "it does not restart"
is ActiveState active
[ "$(property MainPID)" != "$process" ] || fail "it is the same process"
systemctl stop millrace.service
is Result success
is ExecMainStatus 0
say "restarted and stopped in order"

# --- A port that is taken ---
/usr/bin/millrace serve >/dev/null 2>&1 & other=$!
until_is 10 "the other server" answers
systemctl start --no-block millrace.service
restarts() { [ "$(property NRestarts)" -ge 2 ]; }
until_is 20 "two attempts" restarts
kill $other
wait $other || true
until_is 20 "the service to have the port" state_is active
say "a taken port was tried again every two seconds, until it was free"

# --- An invalid option ---
systemctl stop millrace.service
echo 'prot = 1' >>$file
! systemctl start millrace.service 2>/dev/null || fail "it starts with an invalid option"
until_is 10 "it to fail" state_is failed
is ExecMainStatus 2
is NRestarts 0
sed -i '/^prot = 1$/d' $file
systemctl reset-failed millrace.service
say "an invalid option was not tried again"

# --- The watchdog ---
mkdir -p /run/systemd/system/millrace.service.d
printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n' >/run/systemd/system/millrace.service.d/trial.conf
systemctl daemon-reload
systemctl start millrace.service
sleep 6  # three times the watchdog
is NRestarts 0
process=$(property MainPID)
kill -STOP "$process"
is_another() { [ "$(property MainPID)" != "$process" ] && state_is active; }
until_is 30 "systemd to restart a process that hangs" is_another
is NRestarts 1
rm /run/systemd/system/millrace.service.d/trial.conf
systemctl daemon-reload
say "the watchdog leaves a server alone that answers, and restarts one that hangs"

# --- A socket that systemd keeps ---
systemctl stop millrace.service
systemctl enable --now millrace.socket >/dev/null 2>&1 || fail "the socket cannot be enabled"
is ActiveState inactive
answers || fail "a connection does not start the service"
is ActiveState active
( while [ ! -e /tmp/over ]; do answers && echo ok || echo refused; done >/tmp/answers ) & asking=$!
for _ in 1 2 3; do systemctl restart millrace.service; done
touch /tmp/over
wait $asking
! grep -q refused /tmp/answers || fail "$(grep -c refused /tmp/answers) of $(wc -l </tmp/answers) requests were refused"
say "the socket: $(wc -l </tmp/answers) requests one after the other during three restarts, none refused"

systemd-analyze security --no-pager millrace.service | tail -n 1
say "systemd $(systemctl --version | sed -n '1s/systemd \([^ ]*\).*/\1/p'): started, reloaded, restarted, watched, and its socket handed over"
TRIAL
chmod +x "$root/usr/local/bin/trial"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
After=dbus.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'timeout 240 /usr/local/bin/trial >/trial.log 2>&1; echo $? >/trial.code; systemctl --force --force poweroff'
UNIT
mkdir -p "$root/etc/systemd/system/trial.target.wants"
ln -sf ../trial.service "$root/etc/systemd/system/trial.target.wants/trial.service"
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n' >"$root/etc/systemd/system/trial.target"
rm -f "$root/trial.log" "$root/trial.code"

# The namespaces end with their first process, systemd, and everything in them with it.
timeout --kill-after 5 300 unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child bash -euc '
  root=$1
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$device"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs tmpfs "$root/dev/shm"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  # Not only chroot: in one, no process may have a user namespace of its own, as PrivateUsers= makes it.
  cd "$root"
  mkdir -p old
  pivot_root . old
  exec chroot . /usr/bin/env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c "
    umount --lazy /old
    exec /lib/systemd/systemd --unit=trial.target --log-target=console --log-level=warning"
' bash "$root" </dev/null >"$bare/systemd.log" 2>&1 || true
[ -e "$root/trial.code" ] || { tail -n 20 "$bare/systemd.log" >&2; fail "systemd does not run here: see $bare/systemd.log"; }
cat "$root/trial.log"
exit "$(cat "$root/trial.code")"
