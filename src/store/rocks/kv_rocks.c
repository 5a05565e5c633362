// Opening and closing. Invariants of the room:
//  1. Every write goes without a WAL (write_options, mark_options); durable is what a flush proved
//  to be in files (rocks_write.c).
//  2. All families flush together (atomic_flush), so what is found after a crash is a prefix of the
//  writes.
//  3. Once a write, a flush or a background job failed, nothing is written any more until the store
//  is opened again.
//  4. In a forked child nothing of RocksDB is called, not even to close it.
#include "store/rocks/kv_rocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

enum { ALIVE_PAGE = 4096, READ_TIER_PERSISTED = 2 };

static const char *const family_names[ROCKS_FAMILIES] = {
    [KV_META] = "meta", [KV_DATA] = "data", [KV_HISTORY] = "history", [ROCKS_MARK] = "default"};

static void usage(struct kv *kv, uint64_t *out_memory_bytes, uint64_t *out_disk_bytes) {
    struct kv_rocks *rocks = rocks_of(kv);
    *out_memory_bytes = *out_disk_bytes = 0;
    if (!rocks_alive(rocks)) return;
    *out_memory_bytes = rocksdb_cache_get_usage(rocks->settings.block_cache);
    for (int f = 0; f < ROCKS_FAMILIES; f++) {
        uint64_t n = 0;
        if (rocksdb_property_int_cf(rocks->db, rocks->family[f], "rocksdb.cur-size-all-mem-tables",
                                    &n) == 0)
            *out_memory_bytes += n;
        n = 0;
        if (rocksdb_property_int_cf(rocks->db, rocks->family[f], "rocksdb.total-sst-files-size",
                                    &n) == 0)
            *out_disk_bytes += n;
    }
}

static const char *describe(struct kv *kv) { return rocks_of(kv)->describe; }

static void handles_destroy(struct kv_rocks *rocks) {
    for (int f = 0; f < ROCKS_FAMILIES; f++)
        if (rocks->family[f]) rocksdb_column_family_handle_destroy(rocks->family[f]);
    if (rocks->db) rocksdb_close(rocks->db);
    if (rocks->read_newest) rocksdb_readoptions_destroy(rocks->read_newest);
    if (rocks->read_persisted) rocksdb_readoptions_destroy(rocks->read_persisted);
    if (rocks->write_options) rocksdb_writeoptions_destroy(rocks->write_options);
    if (rocks->mark_options) rocksdb_writeoptions_destroy(rocks->mark_options);
    if (rocks->compact_options) rocksdb_compactoptions_destroy(rocks->compact_options);
    if (rocks->batch) rocksdb_writebatch_destroy(rocks->batch);
    rocks_order_free(rocks->order);
    rocks_settings_free(&rocks->settings);
}

static void close_store(struct kv *kv) {
    if (!kv) return;
    struct kv_rocks *rocks = rocks_of(kv);
    // A forked child leaves RocksDB's objects to the parent: destroying them would wait for threads
    // that are not there.
    if (rocks_alive(rocks)) handles_destroy(rocks);
    (void)munmap(rocks->alive, ALIVE_PAGE);
    mem_free(rocks->dir);
    mem_free(rocks);
}

static const struct kv_ops rocks_ops = {
    .get = rocks_get,
    .multi_get = rocks_multi_get,
    .unpin = rocks_unpin,
    .write = rocks_write,
    .view_open = rocks_view_open,
    .view_close = rocks_view_close,
    .iter_open = rocks_iter_open,
    .flush = rocks_flush,
    .flush_begin = rocks_flush_begin,
    .settle = rocks_settle,
    .checkpoint = rocks_checkpoint,
    .verify = rocks_verify,
    .sizes = rocks_sizes,
    .usage = usage,
    .describe = describe,
    .close = close_store,
};

// A page that is zero after fork() in the child costs a load per call; getpid() would cost a system
// call.
static nacre_status alive_page(struct ctx *ctx, _Atomic uint8_t **out) {
    void *page = mmap(NULL, ALIVE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return err_nomem(ctx);
    if (madvise(page, ALIVE_PAGE, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, ALIVE_PAGE);
        return err_set(ctx, NACRE_UNIMPLEMENTED,
                       "the kernel is older than 4.14: no MADV_WIPEONFORK");
    }
    *out = page;
    atomic_store(*out, 1);
    return NACRE_OK;
}

static char *db_open(struct kv_rocks *rocks) {
    char *error = NULL;
    const rocksdb_options_t *const *options =
        (const rocksdb_options_t *const *)rocks->settings.family;
    if (rocks->read_only)
        rocks->db = rocksdb_open_for_read_only_column_families(rocks->settings.db, rocks->dir,
                                                               ROCKS_FAMILIES, family_names,
                                                               options, rocks->family, 0, &error);
    else
        rocks->db = rocksdb_open_column_families(rocks->settings.db, rocks->dir, ROCKS_FAMILIES,
                                                 family_names, options, rocks->family, &error);
    return error;
}

// RocksDB moves its LOG aside before it looks at anything: an open that fails puts it back.
static void log_file_restore(const char *dir) {
    static const char moved[] = "LOG.old.";
    struct ctx ctx;
    struct dir_list list = {0};
    char from[ROCKS_PATH_MAX], to[ROCKS_PATH_MAX];
    ctx_init(&ctx, &world_system, NULL, 1 << 16);
    nacre_status status = dir_list(&ctx, dir, &list);
    for (size_t i = 0; i < list.count && status == NACRE_OK; i++) {
        if (strncmp(list.names[i], moved, sizeof moved - 1) != 0) continue;
        if (snprintf(from, sizeof from, "%s/%s", dir, list.names[i]) < (int)sizeof from &&
            snprintf(to, sizeof to, "%s/LOG", dir) < (int)sizeof to)
            status = file_rename(&ctx, from, to);
        break; // the oldest: one of each try with another compression may follow
    }
    dir_list_free(&list);
    ctx_free(&ctx);
}

// A RocksDB built without a compression library says so before it touches the directory.
static nacre_status open_with_compression(struct kv_rocks *rocks, struct ctx *ctx,
                                          const struct kv_rocks_options *options) {
    char *error = NULL;
    for (int compression = 0; compression < ROCKS_COMPRESSIONS; compression++) {
        if (error) rocksdb_free(error);
        rocks_settings_free(&rocks->settings);
        TRY(rocks_settings_init(ctx, options, compression, &rocks->settings));
        error = db_open(rocks);
        if (!error) return NACRE_OK;
        if (!strstr(error, "is not linked with the binary")) break;
    }
    nacre_status status = rocks_error(ctx, error, "opening the store");
    if (!rocks->read_only) log_file_restore(rocks->dir);
    if (status == NACRE_CORRUPT) rocks_damage_locate(ctx, rocks->dir);
    return status;
}

static void call_options(struct kv_rocks *rocks) {
    rocks->read_newest = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(rocks->read_newest, 1);
    rocks->read_persisted = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(rocks->read_persisted, 1);
    rocksdb_readoptions_set_read_tier(rocks->read_persisted, READ_TIER_PERSISTED);
    rocks->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write_options, 1);
    rocks->mark_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->mark_options, 1);
    rocks->compact_options = rocksdb_compactoptions_create();
    // Exclusive, it would wait for every compaction that runs.
    rocksdb_compactoptions_set_exclusive_manual_compaction(rocks->compact_options, 0);
    rocks->batch = rocksdb_writebatch_create();
}

// One more thread for compactions than RocksDB starts: what a flush asks for runs there at once and
// not behind a compaction of gigabytes. The threads are the process's; many stores share them.
static void spare_thread(const struct kv_rocks_options *options) {
    rocksdb_env_t *env = rocksdb_create_default_env();
    int wanted = (int)(options->background_threads > 2 ? options->background_threads : 2);
    if (rocksdb_env_get_low_priority_background_threads(env) < wanted)
        rocksdb_env_set_low_priority_background_threads(env, wanted);
    rocksdb_env_destroy(env);
}

static uint64_t options_number(const char *name) {
    static const char prefix[] = "OPTIONS-";
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strchr(name, '.')) return 0;
    return strtoull(name + sizeof prefix - 1, NULL, 10);
}

// The C API does not tell RocksDB's version, but the OPTIONS file that it writes at every open
// does.
static void version_read(struct kv_rocks *rocks, struct ctx *ctx, char *out, size_t size) {
    struct dir_list list = {0};
    uint64_t newest = 0;
    if (dir_list(ctx, rocks->dir, &list) != NACRE_OK) return;
    for (size_t i = 0; i < list.count; i++)
        if (options_number(list.names[i]) > newest) newest = options_number(list.names[i]);
    dir_list_free(&list);
    char path[ROCKS_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/OPTIONS-%06llu", rocks->dir, (unsigned long long)newest) >=
        (int)sizeof path)
        return;
    struct buf text BUF_CLEANUP;
    buf_init(&text, NULL, 1 << 20);
    if (newest == 0 || file_read_all(ctx, path, 1 << 20, &text) != NACRE_OK) return;
    buf_put_u8(&text, 0);
    const char *at =
        buf_status(&text) == NACRE_OK ? strstr((const char *)text.p, "rocksdb_version=") : NULL;
    if (at) (void)snprintf(out, size, " %.*s", (int)strspn(at + 16, "0123456789."), at + 16);
}

static void describe_set(struct kv_rocks *rocks, struct ctx *ctx) {
    char version[32] = "";
    if (!rocks->read_only) version_read(rocks, ctx, version, sizeof version);
    (void)snprintf(rocks->describe, sizeof rocks->describe, "RocksDB%s (%s)", version,
                   rocks->settings.compression);
}

// RocksDB would make the directory first and then say that there is no database in it.
static nacre_status check_present(struct ctx *ctx, const char *dir) {
    char path[ROCKS_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/CURRENT", dir) < (int)sizeof path && file_exists(path))
        return NACRE_OK;
    return err_set(ctx, NACRE_NOT_FOUND, "there is no store in %s", dir);
}

static nacre_status open_store(struct kv_rocks *rocks, struct ctx *ctx,
                               const struct kv_rocks_options *options) {
    TRY(rocks_guard_check(ctx, rocks->dir, !rocks->read_only));
    if (!options->create || options->read_only) TRY(check_present(ctx, rocks->dir));
    TRY(open_with_compression(rocks, ctx, options));
    call_options(rocks);
    if (!rocks->read_only) spare_thread(options);
    TRY(rocks_mark_read(rocks, ctx, &rocks->mark));
    if (options->create && !rocks->read_only) TRY(rocks_parent_sync(ctx, rocks->dir));
    if (!rocks->read_only) TRY(rocks_guard_update(ctx, rocks->dir, &rocks->guard));
    describe_set(rocks, ctx);
    return NACRE_OK;
}

nacre_status kv_rocks_open(struct ctx *ctx, const char *dir, const struct kv_rocks_options *options,
                           struct kv **out) {
    struct kv_rocks *rocks = mem_zalloc(sizeof *rocks);
    if (!rocks) return err_nomem(ctx);
    rocks->base.ops = &rocks_ops;
    rocks->read_only = options->read_only;
    rocks->dir = mem_strdup(dir);
    nacre_status status = rocks->dir ? alive_page(ctx, &rocks->alive) : err_nomem(ctx);
    if (status != NACRE_OK) {
        mem_free(rocks->dir);
        mem_free(rocks);
        return status;
    }
    status = open_store(rocks, ctx, options);
    if (status == NACRE_OK)
        *out = &rocks->base;
    else
        close_store(&rocks->base);
    return status;
}

nacre_status kv_rocks_compact_freely(struct ctx *ctx, struct kv *kv) {
    static const char *const name = "disable_auto_compactions", *const value = "false";
    struct kv_rocks *rocks = rocks_of(kv);
    for (int f = 0; f < KV_FAMILIES && !rocks->read_only; f++) {
        char *error = NULL;
        rocksdb_set_options_cf(rocks->db, rocks->family[f], 1, &name, &value, &error);
        if (error) return rocks_error(ctx, error, "the store's options");
    }
    return NACRE_OK;
}
