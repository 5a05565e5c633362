#!/usr/bin/env bash
# The main job, shown and checked: NACRE=path/to/nacre tools/demo.sh [OPTIONS]
set -euo pipefail
films=$(dirname "${BASH_SOURCE[0]}")/../examples/films.ndjson.zst
exec "${NACRE:-nacre}" demo --films "$films" "$@"
