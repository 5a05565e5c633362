#!/usr/bin/env bash
# ./dev model [--ops N] [--minutes M] [--seed S] [--store mem|rocks]: random commands and queries
# against a naive model, on the store in memory and on RocksDB side by side, or on the one named.
# Prints the seeds; the same seed does the same again. NACRE_BUILD says where the program is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

program="${NACRE_BUILD:-build/release}/model_engine"
case " $* " in
    *" --store "*) exec "$program" "$@" ;;
esac
"$program" --store rocks "$@" &
rocks=$!
mem=0
"$program" --store mem "$@" || mem=$?
wait "$rocks" || exit $?
exit "$mem"
