#!/usr/bin/env bash
# Installs what the browser tests want from the system: Chromium, and a Chinese font for the snapshots.
# Does nothing where both are there; never fails, but says what is missing and what follows from that.
set -uo pipefail
cd "$(dirname "$0")/.."

has_chromium() { .venv/bin/python -m tests.browser.launch >/dev/null; }
has_chinese() { ! command -v fc-list >/dev/null || [[ -n $(fc-list :lang=zh family) ]]; }

missing=()
has_chromium || missing+=(chromium)
has_chinese || missing+=(fonts-noto-cjk)
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} for the browser tests ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

has_chromium || cat >&2 <<'TEXT'
!!! No Chromium or Chrome was found, and none could be installed: THE BROWSER TESTS WILL BE SKIPPED.
!!! Install one (as root on Debian or Ubuntu: apt-get install chromium), or set MLC_EXPLORER_CHROMIUM
!!! to the path of its executable.
TEXT
has_chinese || echo "!!! No Chinese font was found: the Chinese snapshots will not match (apt-get install fonts-noto-cjk)." >&2
exit 0
