#!/usr/bin/env bash
# Install what is needed (once), then make a demo project in demo/ and serve it.
# Works from any directory; arguments are passed on: `start.sh --listen 127.0.0.1:8001`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/bootstrap.sh requirements.lock
exec .venv/bin/tallymill demo demo "$@"
