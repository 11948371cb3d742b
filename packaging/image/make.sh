#!/bin/bash
# Makes the container image, without a network and without a container engine: a root with the program, the libraries
# that it links and the system's certificates, and nothing else. The same program and libraries give the same bytes.
#
#   packaging/image/make.sh PROGRAM OUT [UI]
#
# UI: the folder of the page of `serve --ui`, web-demo/ui/dist; without it the image has no such page.
# OUT/root: the root. OUT/millrace-image.tar.gz: for `docker load` and `podman load`. OUT/millrace-image.spdx: what is in it
# (SPDX 2.3, tag-value). Needs Debian's dpkg and binutils.
set -euo pipefail

fail() { printf 'image: %s\n' "$*" >&2; exit 1; }
[ $# -eq 2 ] || [ $# -eq 3 ] || fail "expected PROGRAM, OUT and perhaps UI; for example: packaging/image/make.sh build/release/bin/millrace build/image"
program=$1 out=$2 ui=${3:-}
[ -x "$program" ] || fail "$program is no program: build it with cmake --preset release"
version=$("$program" --version | cut -d' ' -f2)
user=65532
max_bytes=$((25 * 1000 * 1000))

root=$out/root
rm -rf "$out"
mkdir -p "$root"/{etc/ssl/certs,usr/bin,usr/lib,tmp,var/lib/millrace}
ln -s usr/lib "$root/lib"
ln -s usr/lib "$root/lib64"

# --- The root ---------------------------------------------------------------------------------------------------------

strip --strip-debug -o "$root/usr/bin/millrace" "$program"  # profilers can name its functions
if [ -n "$ui" ]; then
  [ -f "$ui/index.html" ] || fail "there is no page in $ui: npm run build --workspace web-demo makes it"
  mkdir -p "$root/usr/share/millrace"
  cp -r "$ui" "$root/usr/share/millrace/ui"
fi
# Each library by the name it is asked for by; the loader by the path that the program names.
libraries=$(ldd "$program" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | sort -u)
[ -n "$libraries" ] || fail "ldd finds no libraries of $program"
! ldd "$program" | grep 'not found' || fail "a library of $program is missing"
for library in $libraries; do
  cp -L "$library" "$root/usr/lib/$(basename "$library")"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt" ||
  fail "no certificates of authorities here: apt-get install ca-certificates"
mkdir -p "$root/usr/lib/ssl"  # where OpenSSL looks for them
ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
printf 'root:x:0:0::/:\nmillrace:x:%d:%d::/var/lib/millrace:\n' $user $user >"$root/etc/passwd"
printf 'root:x:0:\nmillrace:x:%d:\n' $user >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
chmod -R go-w,a+rX "$root"
chmod 1777 "$root/tmp"
chown -R 0:0 "$root" 2>/dev/null || true
chown $user:$user "$root/var/lib/millrace" 2>/dev/null || true

bytes=$(du --apparent-size --bytes --summarize "$root" | cut -f1)

# --- The image --------------------------------------------------------------------------------------------------------

layer=$out/layer.tar
tar --create --file "$layer" --directory "$root" --sort=name --mtime=@0 --format=gnu \
  --exclude=./var/lib/millrace --owner=0 --group=0 --numeric-owner .
tar --append --file "$layer" --directory "$root" --mtime=@0 --format=gnu --owner=$user --group=$user --numeric-owner \
  ./var/lib/millrace
digest=$(sha256sum "$layer" | cut -d' ' -f1)
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
config=$out/config.json
cat >"$config" <<JSON
{"architecture":"$architecture","os":"linux","created":"1970-01-01T00:00:00Z",
"config":{"User":"$user:$user","Env":["MILLRACE_HOST=0.0.0.0"],"Entrypoint":["/usr/bin/millrace"],"Cmd":["serve"],
"WorkingDir":"/var/lib/millrace","ExposedPorts":{"8080/tcp":{}},"Volumes":{"/var/lib/millrace":{}},"StopSignal":"SIGTERM",
"Healthcheck":{"Test":["CMD","/usr/bin/millrace","healthcheck"],"Interval":10000000000,"Timeout":5000000000,"Retries":3},
"Labels":{"org.opencontainers.image.title":"millrace","org.opencontainers.image.version":"$version","org.opencontainers.image.licenses":"MIT"}},
"rootfs":{"type":"layers","diff_ids":["sha256:$digest"]},
"history":[{"created":"1970-01-01T00:00:00Z","created_by":"packaging/image/make.sh"}]}
JSON
id=$(sha256sum "$config" | cut -d' ' -f1)
image=$out/image
mkdir -p "$image/$digest"
mv "$layer" "$image/$digest/layer.tar"
mv "$config" "$image/$id.json"
printf '[{"Config":"%s.json","RepoTags":["millrace:%s","millrace:latest"],"Layers":["%s/layer.tar"]}]\n' \
  "$id" "$version" "$digest" >"$image/manifest.json"
tar --create --file "$out/millrace-image.tar" --directory "$image" --sort=name --mtime=@0 --owner=0 --group=0 \
  --numeric-owner --format=gnu .
rm -rf "$image"
gzip --no-name --best "$out/millrace-image.tar"
packed=$(stat --format %s "$out/millrace-image.tar.gz")
[ "$packed" -le $max_bytes ] || fail "the image has $packed bytes, more than $max_bytes"

# --- What is in it ----------------------------------------------------------------------------------------------------

# Of the package that a library is from: its name and version.
package_of() {
  local name
  # By whichever of its paths the package has it.
  name=$({ dpkg-query --search "$1" "$(realpath "$1")" "${1#/usr}" "$(realpath "${1#/usr}")" 2>/dev/null || true; } |
    sed -n '1s/:.*//p')
  [ -n "$name" ] || fail "no Debian package has $1"
  dpkg-query --show --showformat '${source:Package} ${binary:Package} ${Version}\n' "$name" | sed -n 1p
}
spdx=$out/millrace-image.spdx
{
  printf 'SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: millrace-image-%s\n' "$version"
  printf 'DocumentNamespace: https://millrace.example/spdx/image-%s\n' "$digest"
  printf 'Creator: Tool: millrace-image\nCreated: 1970-01-01T00:00:00Z\n\n'
  printf 'PackageName: millrace\nSPDXID: SPDXRef-millrace\nPackageVersion: %s\nPackageDownloadLocation: NOASSERTION\n' "$version"
  printf 'FilesAnalyzed: false\nPackageLicenseDeclared: MIT\nPackageChecksum: SHA256: %s\n' \
    "$(sha256sum "$root/usr/bin/millrace" | cut -d' ' -f1)"
  printf 'Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-millrace\n'
  for library in $libraries /etc/ssl/certs/ca-certificates.crt; do
    if [ "$library" = /etc/ssl/certs/ca-certificates.crt ]; then
      dpkg-query --show --showformat '${source:Package} ${binary:Package} ${Version}\n' ca-certificates
    else
      package_of "$library"
    fi
  done | sort -u | while read -r source package package_version; do
    ref=$(tr -c 'A-Za-z0-9.\n' - <<<"${package%%:*}")
    printf '\nPackageName: %s\nSPDXID: SPDXRef-%s\nPackageVersion: %s\n' "${package%%:*}" "$ref" "$package_version"
    printf 'PackageDownloadLocation: NOASSERTION\nFilesAnalyzed: false\nPackageSourceInfo: Debian, source package %s\n' "$source"
    printf 'ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/%s@%s\n' "${package%%:*}" "$package_version"
    printf 'Relationship: SPDXRef-millrace DEPENDS_ON SPDXRef-%s\n' "$ref"
  done
} >"$spdx"
printf 'image: %s, %d bytes, %d in its root, millrace %s\n' "$out/millrace-image.tar.gz" "$packed" "$bytes" "$version"
