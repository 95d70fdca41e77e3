#!/bin/sh
# Checks the files of the console that a commit changes, where `npm ci` has installed Biome.
cd "$(dirname "$0")/../console" || exit 1
biome=node_modules/.bin/biome
[ -x "$biome" ] || exit 0
PATH="$PWD/../.venv/bin:$PATH"  # pip's Node, where the system has none
for file; do
  set -- "$@" "${file#console/}"
  shift
done
exec "$biome" check --no-errors-on-unmatched "$@"
