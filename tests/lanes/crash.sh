#!/usr/bin/env bash
# A slice of the crash loop: 300 kills of a database under load.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec ./dev crash --cycles "${NACRE_CRASH_CYCLES:-300}"
