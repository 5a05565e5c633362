# Third-party header → library. A header listed in src/LAYERS must have its line here.
find_package(Threads REQUIRED)

add_library(nacre_rocksdb_static INTERFACE)
add_library(nacre_rocksdb_shared INTERFACE)
# Not in the cache: it changes with NACRE_ROCKSDB_ROOT, which a build folder may be told later.
unset(NACRE_ROCKSDB_A CACHE)
if(NACRE_ROCKSDB_ROOT)
    find_library(NACRE_ROCKSDB_A librocksdb.a PATHS ${NACRE_ROCKSDB_ROOT} PATH_SUFFIXES lib NO_DEFAULT_PATH NO_CACHE)
    set(NACRE_ROCKSDB_BUILD "optimised, static")
else()
    find_library(NACRE_ROCKSDB_A librocksdb.a NO_CACHE)
    set(NACRE_ROCKSDB_BUILD "distribution, static")
endif()
find_library(NACRE_ROCKSDB_SO librocksdb.so)
mark_as_advanced(NACRE_ROCKSDB_SO)
if(NACRE_ROCKSDB_A)
    # What the archive itself needs; Debian's is built with all of them, an optimised build with fewer.
    target_link_libraries(nacre_rocksdb_static INTERFACE
        ${NACRE_ROCKSDB_A} snappy lz4 zstd bz2 z Threads::Threads ${CMAKE_DL_LIBS})
    target_link_libraries(nacre_rocksdb_shared INTERFACE ${NACRE_ROCKSDB_SO})
else()
    message(STATUS "librocksdb.a not found: what needs the room store will not link (run ./dev setup)")
endif()

set(NACRE_LIB_rocksdb/c.h nacre_rocksdb_static)
set(NACRE_LIB_xxhash.h xxhash)
set(NACRE_LIB_zstd.h zstd)
set(NACRE_LIB_pthread.h Threads::Threads)
set(NACRE_LIB_pcre2.h pcre2-8)
set(NACRE_LIB_histedit.h edit)
set(NACRE_LIB_toml++/toml.h "") # headers alone
set(NACRE_LIB_uv.h uv)
set(NACRE_LIB_nghttp2/nghttp2.h nghttp2)
set(NACRE_LIB_openssl/ssl.h ssl)
set(NACRE_LIB_openssl/err.h crypto)
set(NACRE_LIB_openssl/evp.h crypto)
set(NACRE_LIB_wslay/wslay.h wslay)
set(NACRE_LIB_zlib.h z)
set(NACRE_LIB_sodium.h sodium)
set(NACRE_LIB_cjose/cjose.h cjose)

# Tests may use these anywhere; --as-needed drops what a test does not.
set(NACRE_TEST_LIBS cmocka)
set(NACRE_BENCH_LIBS sqlite3 lmdb)
