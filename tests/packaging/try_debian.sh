#!/bin/bash
# The Debian package through its life, in a bare Debian (tests/bare/try.sh), as an operator has it: installed, configured,
# run by its unit's command as its user, scraped, its keys rotated, its store backed up, upgraded with a changed file of
# options, restored, removed and purged. systemd itself does not run there.
#
#   sudo tests/packaging/try_debian.sh FOLDER      FOLDER has millrace_*.deb, of `cpack`
set -euo pipefail

fail() { printf 'try: %s\n' "$*" >&2; exit 1; }
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
package=$(realpath "$(ls "${1:?which folder has the package?}"/millrace_*.deb)")
bare=${MILLRACE_BARE:-/tmp/millrace-bare}
"$repository/tests/bare/try.sh" true >/dev/null || fail "tests/bare/try.sh makes no root: try it by hand"
mkdir -p "$bare/root/release"
cp "$package" "$bare/root/release/"
# A newer one of the same content, with another file of options.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb --raw-extract "$package" "$work/newer"
sed -i 's/^Version: .*/&+newer/' "$work/newer/DEBIAN/control"
printf '\n# newer\n' >>"$work/newer/etc/millrace/millrace.toml"
sed -i "s|.*  etc/millrace/millrace.toml$|$(md5sum <"$work/newer/etc/millrace/millrace.toml" | cut -d' ' -f1)  etc/millrace/millrace.toml|" \
  "$work/newer/DEBIAN/md5sums"
dpkg-deb --root-owner-group --build "$work/newer" "$bare/root/release/newer.deb" >/dev/null

"$repository/tests/bare/try.sh" --again bash -euc '
  fail() { echo "try: $*" >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  apt-get update >/dev/null
  apt-get install --yes --no-install-recommends /release/millrace_*.deb >/dev/null
  file=/etc/millrace/millrace.toml
  getent passwd millrace >/dev/null || fail "there is no user millrace"
  [ "$(stat -c "%U %G %a" $file)" = "root millrace 640" ] || fail "$file is $(stat -c "%U %G %a" $file)"
  [ -e /etc/systemd/system/multi-user.target.wants/millrace.service ] || fail "the service is not enabled"
  for file_of in /usr/share/man/man1/millrace.1 /usr/share/man/man1/millrace-serve.1 /usr/share/bash-completion/completions/millrace \
      /usr/share/zsh/vendor-completions/_millrace /usr/share/fish/vendor_completions.d/millrace.fish; do
    dpkg-query --listfiles millrace | grep -qx "$file_of" || fail "the package has no $file_of"
  done
  millrace check-config

  # What the unit runs, as its user and with its folders.
  unit=/lib/systemd/system/millrace.service
  for folder in State:/var/lib Logs:/var/log Runtime:/run; do
    name=$(sed -n "s/^${folder%%:*}Directory=//p" $unit)
    install -d -o millrace -g millrace -m 0750 "${folder#*:}/$name"
  done
  grep -q "^ListenStream=127.0.0.1:8080$" /lib/systemd/system/millrace.socket || fail "the socket unit listens elsewhere"
  command=$(sed -n "s/^ExecStart=//p" $unit)
  start() {
    runuser -u millrace -- $command >/tmp/log 2>&1 & server=$!
    for attempt in $(seq 100); do millrace healthcheck --ready 2>/dev/null && return; sleep 0.1; done
    cat /tmp/log; fail "it does not become ready"
  }
  running() { for process in /proc/[0-9]*; do [ "$(readlink "$process/exe")" != /usr/bin/millrace ] || echo "${process#/proc/}"; done; }
  stop() { kill "$(running)"; wait $server || fail "it ends with $?"; }
  set_option() { sed -i "s|^#$1 = .*|$1 = $2|" $file; grep -q "^$1 = " $file || fail "the file has no option $1"; }
  publish() { millrace publish http://127.0.0.1:8080 --header "Authorization: Bearer $1" --topic trial "$2" 2>/dev/null; }
  events() { millrace tail "http://127.0.0.1:8080/events?topic=trial&lastEventId=earliest" --count "$1" | grep -o "[a-z]*$" | tr "\n" " "; }
  has() { [ "$(events "$1")" = "$2 " ] || { cat /tmp/log; fail "there are other events than $2: $(events "$1")"; }; }
  set_option store "\"sqlite:/var/lib/millrace/events.db\""
  set_option publish-key-file "\"/etc/millrace/publish-keys\""
  set_option admin-listen "\"unix:/run/millrace/admin.sock\""
  keys=/etc/millrace/publish-keys
  install -g millrace -m 0640 /dev/null $keys
  echo first-key-of-the-trial >$keys
  millrace check-config
  start
  publish first-key-of-the-trial one || { cat /tmp/log; fail "it takes no event"; }
  ! publish another-key-than-these none || fail "it takes events with any key"
  has 1 one

  # Scraped; keys rotated; backed up while it runs.
  millrace top --once unix:/run/millrace/admin.sock | grep -q "^store  *accepts events" || fail "it cannot be scraped"
  echo second-key-of-the-trial >$keys
  kill -HUP "$(running)"
  for attempt in $(seq 100); do publish second-key-of-the-trial two && break; sleep 0.1; done
  ! publish first-key-of-the-trial none || fail "an old key is still good"
  has 2 "one two"
  store() { runuser -u millrace -- millrace store "$@"; }
  store check --config $file | grep -q "no damage found" || fail "the store is damaged"
  store export --config $file --file /var/lib/millrace/backup.ndjson
  publish second-key-of-the-trial lost
  stop

  # An upgrade keeps what was changed; the store is read on.
  apt-get install --yes -o Dpkg::Options::=--force-confold /release/newer.deb >/dev/null
  millrace --version >/dev/null
  grep -q "^publish-key-file = " $file || fail "the upgrade has changed $file"
  start
  has 3 "one two lost"
  stop

  # Restored.
  mv /var/lib/millrace/events.db /var/lib/millrace/old.db
  rm -f /var/lib/millrace/events.db-*
  store import sqlite:/var/lib/millrace/events.db --file /var/lib/millrace/backup.ndjson
  start
  publish second-key-of-the-trial three
  has 3 "one two three"
  stop

  apt-get remove --yes millrace >/dev/null
  [ -e $file ] && [ -e /var/lib/millrace/events.db ] || fail "removing takes options or the store"
  [ ! -e /usr/bin/millrace ] || fail "removing leaves the program"
  apt-get purge --yes millrace >/dev/null
  [ ! -e /etc/millrace ] && [ ! -e /var/lib/millrace ] || fail "purging leaves something"
  [ ! -L /etc/systemd/system/multi-user.target.wants/millrace.service ] || fail "purging leaves the service enabled"
  echo "try: installed, configured, served, scraped, rotated, backed up, upgraded, restored, removed and purged"
'
