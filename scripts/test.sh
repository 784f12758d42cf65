#!/usr/bin/env bash
# Check everything: format, lint, layers, types, then the tests, tier by tier.
# `-v` shows each test and the coverage; `--slow` adds the long kill tests, of minutes;
# further arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./scripts/bootstrap.sh requirements-dev.lock
./scripts/system_packages.sh chromium curl strace
bin=.venv/bin

verbose=()
coverage=()
if [ "${1:-}" = "-v" ]; then
    shift
    verbose=(-v)
    coverage=(--cov --cov-append --cov-report=)
    rm -f .coverage .coverage.*
fi

chosen=(-m "not slow")
if [ "${1:-}" = "--slow" ]; then
    shift
    chosen=()
fi

step() {
    echo "== $1"
    shift
    "$@"
}

step "format" "$bin/ruff" format --quiet --check .
step "lint" "$bin/ruff" check --quiet .
step "spelling" "$bin/codespell" src docs benchmarks scripts README.md CONTRIBUTING.md CHANGELOG.md
step "layers" "$bin/lint-imports" --no-cache >/dev/null
step "types" "$bin/mypy" --no-error-summary
tests() { "$bin/python" -m pytest -q ${verbose[@]+"${verbose[@]}"} ${coverage[@]+"${coverage[@]}"} --durations=5 ${chosen[@]+"${chosen[@]}"} "$@"; }
# The unit tier is pure: it may not open a connection, and it takes seconds.
step "unit" tests tests/unit --disable-socket --allow-unix-socket "$@"
step "contract and property" tests tests/contract tests/property -n 2 "$@"
step "integration" tests tests/integration -n 2 "$@"
step "acceptance and browser" tests tests/acceptance tests/browser -n 2 "$@"

if [ ${#coverage[@]} -gt 0 ]; then
    "$bin/coverage" report
fi
