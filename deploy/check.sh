#!/bin/sh
# Runs every static check, shows the output of those that fail, and ends with one plain line.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=""
output=$(mktemp)
trap 'rm -f "$output"' EXIT

check() {
    name=$1
    shift
    if "$@" >"$output" 2>&1; then
        printf 'ok      %s\n' "$name"
    else
        printf 'FAILED  %s: %s\n' "$name" "$*"
        cat "$output"
        failed="$failed $name,"
    fi
}

check lint $bin/ruff check .
check format $bin/ruff format --check .
check types $bin/mypy
check imports $bin/pytest tests/test_imports.py
check migrations $bin/python -m bot.store.check

if [ -n "$failed" ]; then
    echo "Checks failed:${failed%,}. 'make fmt' repairs format and some lint."
    exit 1
fi
echo "All checks passed."
