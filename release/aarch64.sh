#!/usr/bin/env bash
# The program for aarch64, built here and tried under an emulator.
#
#   release/aarch64.sh [--check]
#
# With --check, the workspace is only checked for that target (minutes less, and no emulator). Else the program is built in
# the profile `dev`, and under qemu it prints its help and a report of the recorded sample, and the tests of the kernels run
# at the portable level. Wants a C compiler for the target (Debian: gcc-aarch64-linux-gnu) and, for the rest, qemu-user-static.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=aarch64-unknown-linux-gnu
folder=${CARGO_TARGET_DIR:-target}
rustup target list --installed | grep -qx "$target" || rustup target add "$target"
command -v aarch64-linux-gnu-gcc >/dev/null || {
  echo "aarch64-linux-gnu-gcc is missing: install gcc-aarch64-linux-gnu" >&2
  exit 1
}
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CXX_aarch64_unknown_linux_gnu=aarch64-linux-gnu-g++
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc

if [[ ${1:-} == --check ]]; then
  cargo check --locked --workspace --target "$target"
  echo "the workspace checks for $target"
  exit 0
fi

emulator=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || {
  echo "qemu-aarch64 is missing: install qemu-user-static" >&2
  exit 1
}
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$emulator -L /usr/aarch64-linux-gnu"
run=("$emulator" -L /usr/aarch64-linux-gnu)

cargo build --locked -p infercost --target "$target"
program=$folder/$target/debug/infercost
"${run[@]}" "$program" --version
"${run[@]}" "$program" --help >/dev/null
here=$(mktemp)
there=$(mktemp)
trap 'rm -f "$here" "$there"' EXIT
"${run[@]}" "$program" report traces/sample/*/ --json >"$there"
echo "a report of the sample: $(wc -c <"$there") bytes"
if [[ -x target/debug/infercost ]]; then
  target/debug/infercost report traces/sample/*/ --json >"$here"
  cmp "$here" "$there" && echo "the same report, byte for byte, as on this machine"
fi
# the emulator asks no kernel for huge pages, and shows none
cargo test --locked -p infercost-kernels --target "$target" -- --skip linux_is_asked_for_huge_pages
