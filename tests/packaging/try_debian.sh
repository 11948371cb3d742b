#!/bin/bash
# The Debian package through its life, in a bare Debian (tests/bare/try.sh): installed, configured, run by its unit's command
# as its user, upgraded with a changed file of options, removed and purged. systemd itself does not run there.
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
  command=$(sed -n "s/^ExecStart=//p" /lib/systemd/system/millrace.service)
  install -d -o millrace -g millrace -m 0750 /var/lib/millrace
  sed -i "s|^#store = .*|store = \"sqlite:/var/lib/millrace/events.db\"|; s|^#insecure = .*|insecure = true|" $file
  runuser -u millrace -- $command >/tmp/log 2>&1 & server=$!
  for attempt in $(seq 100); do millrace publish http://127.0.0.1:8080 --topic trial one 2>/dev/null && break; sleep 0.1; done
  millrace tail "http://127.0.0.1:8080/events?topic=trial&lastEventId=earliest" --count 1 | grep -q "one$" || { cat /tmp/log; fail "it does not serve"; }
  kill $server; wait $server || true

  # An upgrade keeps what was changed; the store is read on.
  apt-get install --yes -o Dpkg::Options::=--force-confold /release/newer.deb >/dev/null
  millrace --version >/dev/null
  grep -q "^insecure = true" $file || fail "the upgrade has changed $file"
  runuser -u millrace -- $command >/tmp/log 2>&1 & server=$!
  for attempt in $(seq 100); do millrace healthcheck 2>/dev/null && break; sleep 0.1; done
  millrace tail "http://127.0.0.1:8080/events?topic=trial&lastEventId=earliest" --count 1 | grep -q "one$" || { cat /tmp/log; fail "the store is lost"; }
  kill $server; wait $server || true

  apt-get remove --yes millrace >/dev/null
  [ -e $file ] && [ -e /var/lib/millrace/events.db ] || fail "removing takes options or the store"
  [ ! -e /usr/bin/millrace ] || fail "removing leaves the program"
  apt-get purge --yes millrace >/dev/null
  [ ! -e /etc/millrace ] && [ ! -e /var/lib/millrace ] || fail "purging leaves something"
  [ ! -L /etc/systemd/system/multi-user.target.wants/millrace.service ] || fail "purging leaves the service enabled"
  echo "try: installed, configured, served, upgraded, removed and purged"
'
