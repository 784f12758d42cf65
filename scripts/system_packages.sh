#!/usr/bin/env bash
# Install Debian packages whose command of the same name is missing; called by test.sh.
# Without the right to, or without apt-get, it says so: the tests that need them are then
# skipped with a word (on CI they fail).
set -euo pipefail

missing=()
for name in "$@"; do
    command -v "$name" >/dev/null || missing+=("$name")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "Not installed, so some tests are skipped: ${missing[*]}." >&2
    exit 0
fi
echo "Installing ${missing[*]} ..."
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
