#!/usr/bin/env bash
# One binary for any Linux machine of an architecture: kernels choose their instructions when it runs.
#
#   release/build.sh [TARGET]       default x86_64-unknown-linux-gnu; also aarch64-unknown-linux-gnu
#
# With cargo-zigbuild (`pip install cargo-zigbuild ziglang`) it runs on every system from glibc 2.28 on (Debian 10, RHEL 8,
# Ubuntu 20.04), and cross-builds; without it, on systems as new as this one. The same source, compiler and target give the
# same bytes: paths are taken out of it, and the time of the last commit stands for the time of the build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:-x86_64-unknown-linux-gnu}
most_bytes=30000000

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$PWD=/infercost --remap-path-prefix=$home=/cargo"

if command -v cargo-zigbuild >/dev/null; then
  cargo zigbuild --locked --profile dist -p infercost --target "$target.2.28"
else
  echo "cargo-zigbuild is not installed: the binary needs this system's glibc or a newer one" >&2
  cargo build --locked --profile dist -p infercost --target "$target"
fi

binary=target/$target/dist/infercost
bytes=$(stat -c %s "$binary")
echo "$binary: $bytes bytes, $(sha256sum "$binary" | cut -c1-64)"
if ((bytes > most_bytes)); then
  echo "larger than $most_bytes bytes" >&2
  exit 1
fi

# instructions that not every machine has are reached through a check alone: the portable level must work as well
if [[ $target == "$(rustc -vV | sed -n 's/^host: //p')" ]]; then
  INFERCOST_ISA=portable "$binary" --version
fi

# the program writes its own manual pages and completions, where it can run
runner=()
if [[ $target == aarch64-* && $(uname -m) != aarch64 ]]; then
  command -v qemu-aarch64-static >/dev/null && runner=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)
fi
shared=target/package
if [[ $target == "$(uname -m)"-* || ${#runner[@]} -gt 0 ]]; then
  release/shared.sh "$shared" "${runner[@]}" "$binary"
elif [[ ! -d $shared ]]; then
  echo "no manual pages: $target does not run here, and no build for this machine has written them" >&2
  mkdir -p "$shared"
fi

mkdir -p release/out
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
cp "$binary" README.md LICENSE-MIT LICENSE-APACHE "$staged"
cp -r "$shared/." "$staged"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$staged" -cf - . |
  gzip -n >"release/out/infercost-$target.tar.gz"
python3 release/sbom.py >"release/out/infercost-$target.cdx.json"
ls -l release/out
