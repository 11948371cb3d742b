#!/bin/bash
# Makes what a release consists of, from the commit that is checked out: release/make.sh OUT PACKAGE…
#
#   millrace-V.tar.gz                        the source
#   millrace_parser.h                        the core as one header
#   millrace_V_ARCH.deb, libmillrace-dev_…   the program; libraries and headers
#   millrace-npm-V.tgz                       the npm package
#   millrace-V-built-with.txt                the versions of what the packages need and are built with (PACKAGE…: Debian's)
#   millrace-V-npm.cdx.json                  the npm packages it is built and tested with, as CycloneDX
#   SHA256SUMS
#
# With the same tools the same bits, wherever and whenever it runs: all is built from the source archive, unpacked under
# OUT.work, whose path no file is told; every time is the commit's; lists are sorted; owners are root.
# Used by ./run release, which has seen to it that the tools are there and that nothing is uncommitted.
set -euo pipefail
umask 022
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
export LC_ALL=C TZ=UTC

fail() { printf 'release: %s\n' "$*" >&2; exit 1; }

out=$(realpath -m "$1")
shift
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
cd "$repository"
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH

version=$(git show "$commit:client-wasm/package.json" | node -p 'JSON.parse(require("fs").readFileSync(0)).version')

work=$out.work
tree=$work/millrace-$version
rm -rf "$out" "$work"
mkdir -p "$out" "$work"

# git's own archive is sorted, owned by root and dated by the commit; only its modes depend on who runs it.
git -c tar.umask=0022 archive --format=tar --prefix="millrace-$version/" "$commit" | gzip -9 -n >"$out/millrace-$version.tar.gz"
tar -xzf "$out/millrace-$version.tar.gz" -C "$work"
cd "$tree"
grep -q "^## .*\b${version//./[.]}\b" CHANGELOG.md || fail "CHANGELOG.md has no section for version $version"

core/single_header.sh "$version" >"$out/millrace_parser.h"

cmake -G Ninja -S "$tree" -B "$work/cmake" -D CMAKE_BUILD_TYPE=Release -D CMAKE_INSTALL_PREFIX=/usr \
  -D CMAKE_CXX_FLAGS="-ffile-prefix-map=$tree=/usr/src/millrace-$version"
cmake --build "$work/cmake"
# The page of `serve --ui`, which the program's package has.
ln -s "$repository/node_modules" "$tree/node_modules"
(cd "$tree/client-wasm" && node build.mjs)
(cd "$tree/web-demo" && node "$tree/node_modules/vite/bin/vite.js" build --logLevel warn --config ui/vite.config.js)
cpack -G DEB --config "$work/cmake/CPackConfig.cmake" -B "$work/cpack"
# Packed once more: cpack dates files by when they were built.
for package in "$work"/cpack/*.deb; do
  content=$work/deb/$(basename "$package" .deb)
  mkdir -p "$work/deb"
  dpkg-deb --raw-extract "$package" "$content"
  sort -k 2 -o "$content/DEBIAN/md5sums" "$content/DEBIAN/md5sums"
  find "$content" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  # On one thread: with more, what xz writes depends on their number.
  dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$content" "$out/"
done

(cd "$tree/client-wasm" && npm pack --offline --ignore-scripts --loglevel=error --pack-destination "$work")
mv "$work/millrace-$version.tgz" "$out/millrace-npm-$version.tgz"

# versions NAME…: of Debian's packages, as they are installed here; of one that exists in name only, of who provides it.
versions() {
  local name
  for name in $(printf '%s\n' "$@" | sort -u); do
    dpkg-query --show --showformat '${Package} ${Version} ${Provides}\n' |
      awk -v name="$name" '$1 == name || (" " $0) ~ (" " name "( |,|$)") { if (!found++) print $1, $2 }'
  done
}
# depends PACKAGE: the names of what it depends on, recommends and suggests.
depends() {
  local field
  for field in Depends Recommends Suggests; do
    dpkg-deb --field "$out/$1"_*.deb "$field" | tr ',' '\n' | sed -E 's/^ *([^ ]+).*/\1/'
  done
}
{
  echo "Millrace $version, commit $commit"
  for name in millrace libmillrace-dev; do
    printf '\n%s needs at run time or to be built upon, tested with:\n\n' "$name"
    versions $(depends "$name")
  done
  printf '\nBuilt with, of Debian %s:\n\n' "$(cat /etc/debian_version)"
  versions "$@" "g++-$(g++ -dumpversion)" binutils dpkg-dev binaryen
  printf '\nThe npm package depends on nothing. Built with node %s, npm %s and, of the npm registry:\n\n' \
    "$(node --version)" "$(npm --version)"
  node -e '
    const { packages } = require("./package-lock.json");
    for (const name of ["esbuild", "typescript"]) console.log(name, packages[`node_modules/${name}`].version);'
} >"$out/millrace-$version-built-with.txt"

# npm lists only what has a version, which the workspace itself has not. Who made the list when is not what it is read for:
# npm writes a number of chance and the time.
mkdir "$work/sbom"
node -e '
  const fs = require("fs");
  const [version, folder] = process.argv.slice(1);
  for (const name of ["package.json", "package-lock.json"]) {
    const content = JSON.parse(fs.readFileSync(name));
    for (const entry of [content, content.packages?.[""], content.packages?.["web-demo"]]) {
      if (entry) entry.version = version;
    }
    fs.writeFileSync(`${folder}/${name}`, JSON.stringify(content));
  }' "$version" "$work/sbom"
(cd "$work/sbom" && npm sbom --package-lock-only --sbom-format cyclonedx) | node -e '
  const list = JSON.parse(require("fs").readFileSync(0, "utf8"));
  delete list.serialNumber;
  list.metadata.timestamp = new Date(process.env.SOURCE_DATE_EPOCH * 1000).toISOString();
  console.log(JSON.stringify(list, null, 2));' >"$out/millrace-$version-npm.cdx.json"

(cd "$out" && sha256sum -- * >SHA256SUMS)
