#!/usr/bin/env bash
# Make .venv hold exactly what a lock file names, and the project itself.
# Called by start.sh and test.sh: `bootstrap.sh requirements.lock`. A second call with
# the same lock does nothing but compare a checksum.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lock="$1"
venv=.venv
UV_VERSION=0.13.8

find_python() {
    for name in python3 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "tallymill needs Python 3.11 or later with the venv module (on Debian: apt-get install python3 python3-venv)." >&2
    exit 1
}

stamp="$(cat "$lock" pyproject.toml scripts/bootstrap.sh | cksum) $PWD"
if [ -x "$venv/bin/tallymill" ] && [ "$(cat "$venv/.$lock.stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
echo "Installing Tallymill into $venv (once; later starts take seconds) ..."
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    "$(find_python)" -m venv --clear "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
export VIRTUAL_ENV="$PWD/$venv" UV_SYSTEM_CERTS=true
# `install`, not `sync`: start.sh after test.sh must not take the test tools away.
"$venv/bin/uv" pip install --quiet --require-hashes -r "$lock"
"$venv/bin/uv" pip install --quiet --no-deps --editable .
echo "$stamp" >"$venv/.$lock.stamp"
