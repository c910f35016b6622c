#!/usr/bin/env bash
# The Debian package of the binary that release/build.sh has made, and what is in it.
#
#   release/build.sh && release/deb.sh [TARGET]
#
# Wants cargo-deb (`cargo install cargo-deb`); where dpkg-deb is, the package is looked into, and unpacked and run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${1:-x86_64-unknown-linux-gnu}
[[ -x target/$target/dist/infercost && -d target/package/man ]] || {
  echo "there is no binary for $target: run release/build.sh $target" >&2
  exit 1
}

mkdir -p release/out
cargo deb -p infercost --no-build --profile dist --target "$target" --output release/out/
package=$(ls -t release/out/infercost_*.deb | head -1)
ls -l "$package"

command -v dpkg-deb >/dev/null || exit 0
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
dpkg-deb --info "$package"
dpkg-deb --extract "$package" "$unpacked"
for wanted in bin/infercost share/man/man1/infercost.1 share/man/man1/infercost-compare.1 \
  share/bash-completion/completions/infercost share/zsh/vendor-completions/_infercost \
  share/fish/vendor_completions.d/infercost.fish share/doc/infercost/LICENSE-MIT; do
  compgen -G "$unpacked/usr/$wanted*" >/dev/null || {
    echo "usr/$wanted is not in the package" >&2
    exit 1
  }
done
if [[ $target == "$(uname -m)"-* ]]; then
  "$unpacked/usr/bin/infercost" --version
fi
