#!/bin/sh
# Finds a Python that is new enough and lets it make .venv: sh deploy/setup.sh runtime|dev
set -eu
cd "$(dirname "$0")/.."

for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13 python3.14; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$candidate" deploy/make_venv.py "${1:-dev}"
    fi
done
echo "No Python 3.11 or newer found: run 'apt-get install python3 python3-venv', or name one with PYTHON=/path/to/python3.11." >&2
exit 1
