#!/usr/bin/env bash
# A few seconds of each fuzz target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find fuzz -mindepth 2 -name 'fuzz_*.c' | grep -q . || { echo "fuzz: no targets"; exit 0; }
exec ./dev fuzz --seconds "${NACRE_FUZZ_SECONDS:-5}"
