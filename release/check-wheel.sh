#!/usr/bin/env bash
# Builds the wheel, installs it into a fresh virtual environment with nothing else in it, and runs the default comparison
# from there, in an empty folder.
#
#   release/check-wheel.sh [PROFILE]     default dist; dev builds fast, and runs slowly
#
# maturin is taken from the path, or fetched into a virtual environment of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=${1:-dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v maturin >/dev/null; then
  python3 -m venv "$work/tools"
  "$work/tools/bin/pip" install --quiet --only-binary :all: 'maturin>=1.9,<2'
  PATH=$work/tools/bin:$PATH
fi
maturin build --profile "$profile" --compatibility linux --out "$work/wheel" --quiet

python3 -m venv "$work/fresh"
"$work/fresh/bin/pip" install --quiet --no-index --no-deps "$work"/wheel/*.whl
mkdir "$work/empty"
cd "$work/empty"
echo "$(du -h "$work"/wheel/*.whl | cut -f1) wheel"
"$work/fresh/bin/infercost" --version

# few prompts: what is tried here is that everything is there
status=0
env -i HOME="$HOME" PATH="$work/fresh/bin:/usr/bin:/bin" infercost compare --max-prompts 10 || status=$?
case $status in
  0 | 3 | 4) echo "the default comparison ran, exit $status" ;;
  *) exit "$status" ;;
esac
