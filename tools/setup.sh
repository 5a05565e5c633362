#!/usr/bin/env bash
# Installs the Debian packages that Nacre is built and tested with, and nothing else.
#   tools/setup.sh [-y] [--for build|test|bench] [--rocksdb]
# Asks before it installs only when a person is at the terminal and -y was not given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BUILD="gcc g++ libc6-dev cmake ninja-build pkg-config ccache python3 zstd
    librocksdb-dev libpcre2-dev libzstd-dev libxxhash-dev libedit-dev libuv1-dev
    libsodium-dev libcjose-dev libjansson-dev libnghttp2-dev libssl-dev libwslay-dev
    zlib1g-dev libtomlplusplus-dev"
TEST="git curl python3-yaml python3-venv python3-h2
    python3-websockets openssl libcmocka-dev libbson-dev libsqlite3-dev liblmdb-dev
    clang libclang-rt-14-dev clang-tidy clang-format"
BROWSER="chromium chromium-driver python3-selenium"
PEERS="redis-server redis-tools nginx-light postgresql postgresql-contrib wrk nghttp2-client"
ROCKSDB="dpkg-dev libsnappy-dev liblz4-dev libzstd-dev ca-certificates"

yes=0 rocksdb=0 scope=test
while [ $# -gt 0 ]; do
    case $1 in
        -y | --yes) yes=1 ;;
        --rocksdb) rocksdb=1 ;;
        --for) scope=$2; shift ;;
        *) echo "setup: unknown argument $1" >&2; exit 2 ;;
    esac
    shift
done

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] \
            || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "setup: all packages are installed"
        return
    fi
    echo "setup: to install: ${missing[*]}"
    if [ -t 0 ] && [ $yes -eq 0 ]; then
        local answer
        read -r -p "Install these with apt-get? [Y/n] " answer
        case $answer in [nN]*) echo "setup: nothing installed" >&2; exit 1 ;; esac
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "setup: run this as root, or install sudo" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

# The dashboard's bundler. npm from elsewhere than Debian will do; Debian's would not go beside it.
dashboard() { command -v npm >/dev/null || echo "nodejs npm"; }

if ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here; Nacre is built on Debian 12 with:" $BUILD $TEST >&2
    exit 1
fi
# shellcheck disable=SC2086
case $scope in
    build) install_packages $BUILD ;;
    test) install_packages $BUILD $(dashboard) $TEST $BROWSER ;;
    bench) install_packages $BUILD $TEST $PEERS ;;
    *) echo "setup: --for build, test or bench" >&2; exit 2 ;;
esac
if [ $rocksdb -eq 1 ]; then
    # shellcheck disable=SC2086
    install_packages $ROCKSDB
    tools/setup_rocksdb.sh
fi
