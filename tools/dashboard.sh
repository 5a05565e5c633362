#!/usr/bin/env bash
# Bundles the dashboard into a folder; the build calls it. Nothing is written beside the sources.
#   tools/dashboard.sh AUTO|ON|OFF FOLDER
# AUTO: where npm cannot get its packages the files are empty, as with OFF: the server says that it
# has none.
set -euo pipefail
from="$(cd "$(dirname "${BASH_SOURCE[0]}")/../dashboard" && pwd)"
mode=$1 out=$2

bundle() {
    mkdir -p "$out/work"
    cp -r "$from"/{package.json,package-lock.json,.npmrc,build.mjs,src} "$out/work/"
    cd "$out/work"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 || return 1
    node build.mjs "$out"
}

mkdir -p "$out"
rm -f "$out"/{index.html,app.js,app.css}
if [ "$mode" != OFF ] && (bundle); then
    exit 0
fi
if [ "$mode" = ON ]; then
    cat "$out/work/npm.log" >&2
    exit 1
fi
if [ "$mode" = AUTO ]; then
    echo "dashboard: built without, npm could not get its packages: $out/work/npm.log" >&2
fi
touch "$out"/{index.html,app.js,app.css}
