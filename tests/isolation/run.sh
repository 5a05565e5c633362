#!/usr/bin/env bash
# ./dev isolation [--ops N] [--killed N] [--clients N] [--seed S]: N operations (1,000,000) of
# serializable transactions and as many of snapshot ones by concurrent clients, whose histories are
# then checked; and N (100,000) of each in a process that is killed again and again.
# NACRE_BUILD says where the program is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export NACRE_OPS=1000000 NACRE_KILLED_OPS=100000
while [ $# -gt 0 ]; do
    case $1 in
        --ops) export NACRE_OPS=$2 ;;
        --killed) export NACRE_KILLED_OPS=$2 ;;
        --clients) export NACRE_CLIENTS=$2 ;;
        --seed) export NACRE_SEED=$2 ;;
        *)
            sed -n '2,5s/^# //p' "$0" >&2
            exit 2
            ;;
    esac
    shift 2
done
exec "${NACRE_BUILD:-build/release}/test_isolation"
