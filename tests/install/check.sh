#!/usr/bin/env bash
# Proves that what `cmake --install` puts somewhere is enough to build programs: every examples/*.c
# as C99 against the shared library through pkg-config, and a small one through the CMake package.
#   tests/install/check.sh BUILD_DIR
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/to" >/dev/null
lib=$(dirname "$(find "$work/to" -name libnacre.a)")
cat >"$work/one.c" <<END
#include <nacre/errors.h>
int main(void) { return nacre_status_exit(NACRE_OK); }
END
# The prefix is only known now, and the .pc file is made before.
sed -i "s|^prefix=.*|prefix=$work/to|" "$lib/pkgconfig/nacre.pc"
flags=$(PKG_CONFIG_PATH="$lib/pkgconfig" pkg-config --cflags --libs nacre)
for source in "$work/one.c" examples/*.c; do
    [ -e "$source" ] || continue
    # shellcheck disable=SC2086
    gcc -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra "$source" $flags \
        -o "$work/$(basename "$source" .c)"
    echo "built $source"
done
export LD_LIBRARY_PATH=$lib
# The demo finds its films beside the installed tool, away from the source tree.
(cd "$work" && "$work/to/bin/nacre" demo --quiet --workers 2 >/dev/null)
echo "the installed demo works"
"$work/hello" "$work/hello.db"
"$work/claim" "$work/claim.db"
"$work/transfer" "$work/transfer.db"
"$work/shop" "$work/shop.db" 5000
"$work/import" "$work/import.db" examples/films.ndjson.zst films
others=$(nm -g --defined-only "$lib/libnacre.a" \
    | awk 'NF == 3 && $2 != "V" && $2 != "W" { print $3 }' | grep -vE '^(nacre_|_Z|DW.ref)' || true)
[ -z "$others" ] || { echo "libnacre.a defines more than nacre_*: $others"; exit 1; }
cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(nacre REQUIRED)
add_executable(one one.c)
target_link_libraries(one nacre::shared)
END
cmake -G Ninja -S "$work" -B "$work/b" -DCMAKE_PREFIX_PATH="$work/to" >/dev/null
cmake --build "$work/b" >/dev/null
"$work/b/one"
echo "the CMake package works"
