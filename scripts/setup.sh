#!/usr/bin/env bash
# Makes the virtual environment $1 and installs the pinned packages listed in $2.
# PYTHON names another interpreter than the first suitable one.
set -euo pipefail
venv=$1 list=$2

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

if [[ ! -x $venv/bin/python ]]; then
    python=
    for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13}; do
        if suits "$candidate"; then python=$candidate; break; fi
    done
    if [[ -z $python ]]; then
        echo "MLC Explorer needs Python 3.11 or newer; tried: ${PYTHON:-$(python3 --version 2>&1 || echo none)}." >&2
        echo "Install one, or name it: make run PYTHON=/path/to/python3.11" >&2
        exit 1
    fi
    if ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "$python can't make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
fi
suits "$venv/bin/python" || { echo "$venv holds an older Python than 3.11: remove it and try again." >&2; exit 1; }

command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null ||
    echo "No C compiler was found: exporting a compiled library will not work until there is one." >&2

echo "Setting up $venv from $list (a few minutes the first time) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list"
