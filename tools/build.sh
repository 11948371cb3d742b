# For ./run, which sources it: what is built, by the presets of CMakePresets.json and the scripts of package.json.

# compile PRESET FOLDER: a build preset, and the folder of its configure preset. That one is made where it is not, or not
# as the presets have it now. Changed CMake files Ninja sees by itself.
compile() {
  [ "build/$2/build.ninja" -nt CMakePresets.json ] || logged "configure-$2" cmake --preset "$2"
  say "compiling with preset $1 (build/log/compile-$1.log)"
  logged "compile-$1" cmake --build --preset "$1"
}

# The program a command has built is the one at build/bin, and with the tests the service that runs our client for others.
place_program() {
  mkdir -p build/bin
  [ ! -x "build/$1/bin/millrace-contract-service" ] ||
    ln -sfn "../$1/bin/millrace-contract-service" build/bin/millrace-contract-service
  ln -sfn "../$1/bin/millrace" build/bin/millrace
}

npm_build() {
  say "building $1 (build/log/npm-$1.log)"
  logged "npm-$1" npm run build --workspace "$1"
}

build_package() {
  need wasm npm
  npm_build client-wasm
}
