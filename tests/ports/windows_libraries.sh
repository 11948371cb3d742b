#!/bin/bash
# A libcurl and a c-ares for Windows, which Debian has not, and the whole header of cpp-httplib, which Debian splits:
# tests/ports/windows_libraries.sh FOLDER
#
# Built with MinGW from Debian's own source packages, which apt checks, without a change to apt's lists on this machine.
# TLS is Windows' own (Schannel). FOLDER then has include/ and lib/, as MILLRACE_WINDOWS_PREFIX wants it; what was built
# before is taken as it is.
set -euo pipefail
prefix=$(realpath -m "$1")
[ ! -f "$prefix/include/httplib.h" ] || exit 0  # the last file
work=$prefix.work
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
cd "$work"

. /etc/os-release
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $VERSION_CODENAME main" >sources.list
apt=(apt-get -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none)
"${apt[@]}" update
"${apt[@]}" source c-ares curl cpp-httplib

cat >toolchain.cmake <<'CMAKE'
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
CMAKE

# build SOURCE OPTION…
build() {
  local source=$1
  shift
  cmake -G Ninja -S "$source" -B "build-$source" -D CMAKE_TOOLCHAIN_FILE="$work/toolchain.cmake" \
    -D CMAKE_BUILD_TYPE=Release -D CMAKE_INSTALL_PREFIX="$prefix" "$@"
  cmake --build "build-$source"
  cmake --install "build-$source"
}
# A patch of Debian's 1.18.1 uses INADDRSZ, which Windows' headers lack.
build c-ares-*/ -D CARES_STATIC=ON -D CARES_SHARED=OFF -D CARES_BUILD_TOOLS=OFF -D CMAKE_C_FLAGS=-DINADDRSZ=4
build curl-*/ -D BUILD_SHARED_LIBS=OFF -D BUILD_CURL_EXE=OFF -D BUILD_TESTING=OFF -D HTTP_ONLY=ON \
  -D CURL_USE_SCHANNEL=ON -D CURL_USE_LIBSSH2=OFF
cp cpp-httplib-*/httplib.h "$prefix/include/"
rm -rf "$work"
