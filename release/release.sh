# For ./run, which sources it: ./run release [--twice] [--root]. What is released, made from the last commit by make.sh,
# and tried by try.sh. --twice makes it again in another folder, and compares.

release_options() {
  local option
  for option; do
    case $option in
      --twice) twice=yes ;;
      --root) root=--root ;;
      *) fail "unknown option '$option'; expected --twice or --root" ;;
    esac
  done
}

refuse_what_is_not_committed() {
  need release
  git rev-parse --verify --quiet HEAD >/dev/null 2>&1 ||
    fail "a release is made from a commit, but this folder is not a git repository"
  [ -z "$(git status --porcelain)" ] ||
    fail "there are uncommitted changes: commit them, or run 'git stash -u', then release"
}

# In a clone elsewhere: the bits must not depend on the folder.
make_again() {
  local other
  other=$(mktemp --directory)/elsewhere
  logged release-clone git clone --quiet . "$other"
  ln -s "$PWD/node_modules" "$other/node_modules"
  say "making it once more, from a clone in $other (build/log/release-again.log)"
  logged release-again "$other/release/make.sh" "$other/out" "${compile_packages[@]}" "${wasm_packages[@]}"
  cmp "$artefacts/SHA256SUMS" "$other/out/SHA256SUMS" ||
    fail "the second differs from the first: $(diff "$artefacts/SHA256SUMS" "$other/out/SHA256SUMS" | sed -n 's/^> [^ ]* *//p' | xargs)"
  rm -rf "$(dirname "$other")"
  say "both are the same, bit for bit"
}

# Advice, not a part of the release: what is known tomorrow is not known today.
audit() {
  if npm audit >build/log/npm-audit.log 2>&1; then
    say "npm audit knows of no vulnerability in the npm packages"
  elif grep -q 'audit endpoint returned an error' build/log/npm-audit.log; then
    say "npm audit got no answer from the registry: ask it from elsewhere (build/log/npm-audit.log)"
  else
    say "npm audit knows of vulnerabilities in what the npm package is built and tested with: see build/log/npm-audit.log"
  fi
}

artefacts=build/release-artefacts twice='' root=''
release_options "$@"
refuse_what_is_not_committed
need compiler wasm unit
[ -z "$root" ] || need root
need npm
say "making the release from $(git log -1 --format='%h %s') (build/log/release.log)"
logged release release/make.sh "$artefacts" "${compile_packages[@]}" "${wasm_packages[@]}"
[ -z "$twice" ] || make_again
release/try.sh "$artefacts" $root
say "comparing the ABI with the release before (build/log/release-abi.log)"
logged release-abi release/abi.sh
cat build/log/release-abi.log
audit
say "the release is in $artefacts:"
ls -l --human-readable "$artefacts"
