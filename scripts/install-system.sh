#!/usr/bin/env bash
# Installs what tests want from the system: Chromium and a Chinese font for the browser's, and for those that run code
# for Arm a cross compiler and an emulator. Does nothing where all are there; never fails, but says what is missing
# and what follows from that.
set -uo pipefail
cd "$(dirname "$0")/.."

has_chromium() { .venv/bin/python -m tests.browser.launch >/dev/null; }
has_chinese() { ! command -v fc-list >/dev/null || [[ -n $(fc-list :lang=zh family) ]]; }
# As in tests/engine/recipes/emulated.py; an Arm machine needs neither.
has_arm() {
    [[ $(uname -m) == aarch64 ]] || { command -v aarch64-linux-gnu-gcc && command -v qemu-aarch64; } >/dev/null
}

missing=()
has_chromium || missing+=(chromium)
has_chinese || missing+=(fonts-noto-cjk)
has_arm || missing+=(qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]} for the tests ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

has_chromium || cat >&2 <<'TEXT'
!!! No Chromium or Chrome was found, and none could be installed: THE BROWSER TESTS WILL BE SKIPPED.
!!! Install one (as root on Debian or Ubuntu: apt-get install chromium), or set MLC_EXPLORER_CHROMIUM
!!! to the path of its executable.
TEXT
has_chinese || echo "!!! No Chinese font was found: the Chinese snapshots will not match (apt-get install fonts-noto-cjk)." >&2
has_arm || echo "!!! No cross compiler or emulator for Arm: the tests of recipes on aarch64 will be skipped" \
    "(apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross)." >&2
exit 0
