#!/usr/bin/env bash
# What a package installs beside the program: manual pages and completions, as the program itself writes them.
#
#   release/shared.sh FOLDER COMMAND…       COMMAND is the program, with whatever runs it before it
set -euo pipefail

folder=$1
shift
rm -rf "$folder"
mkdir -p "$folder/man" "$folder/completions"

"$@" man --dir "$folder/man"
"$@" completions bash >"$folder/completions/infercost.bash"
"$@" completions zsh >"$folder/completions/_infercost"
"$@" completions fish >"$folder/completions/infercost.fish"
