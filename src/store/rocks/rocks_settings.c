// Every option that differs from RocksDB's defaults, and why.
#include <stdio.h>

#include "base/bits/bits.h"
#include "base/os/file.h"
#include "store/rocks/rocks_internal.h"

static const uint64_t MIB = 1u << 20;
static const char no_log_dir[] = "/proc/self/task";
enum { CHECKSUM_XXH3 = 4, LOG_FATAL = 4, FORMAT_VERSION = 5, SHARD_MIB = 16, SHARD_BITS_MAX = 6 };

static unsigned char filter_drops(void *state, int level, const char *key, size_t key_size,
                                  const char *value, size_t value_size, char **new_value,
                                  size_t *new_size, unsigned char *changed) {
    (void)level, (void)value, (void)value_size, (void)new_value, (void)new_size;
    const _Atomic uint64_t *horizon_ts = *(const _Atomic uint64_t *const *)state;
    *changed = 0;
    if (key_size < 8) return 0;
    return bits_be64(key + key_size - 8) < atomic_load_explicit(horizon_ts, memory_order_relaxed);
}

static const char *filter_name(void *state) {
    (void)state;
    return "nacre.history";
}

static void filter_destroy(void *state) { mem_free(state); }

// The filter's state is its own copy of the pointer, since settings may move.
static bool history_filter_set(struct rocks_settings *s) {
    if (!s->horizon_ts) return true;
    const _Atomic uint64_t **state = mem_alloc(sizeof *state);
    if (!state) return false;
    *state = s->horizon_ts;
    s->history_filter =
        rocksdb_compactionfilter_create(state, filter_destroy, filter_drops, filter_name);
    rocksdb_compactionfilter_set_ignore_snapshots(s->history_filter, 1);
    rocksdb_options_set_compaction_filter(s->family[KV_HISTORY], s->history_filter);
    return true;
}

static void table_set(struct rocks_settings *s, rocksdb_options_t *options, bool filter) {
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, s->block_cache);
    rocksdb_block_based_options_set_block_size(table, 8192);
    rocksdb_block_based_options_set_format_version(table, FORMAT_VERSION);
    rocksdb_block_based_options_set_checksum(table, CHECKSUM_XXH3);
    // Index and filter blocks count against the cache, or memory would grow with the number of
    // files.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    if (filter)
        rocksdb_block_based_options_set_filter_policy(table,
                                                      rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table); // the factory has its own copy
}

static void durability_set(rocksdb_options_t *db, const struct kv_rocks_options *options) {
    rocksdb_options_set_create_if_missing(db, options->create && !options->read_only);
    rocksdb_options_set_create_missing_column_families(db, options->create && !options->read_only);
    rocksdb_options_set_atomic_flush(db, 1);
    rocksdb_options_set_paranoid_checks(db, 1);
    rocksdb_options_set_info_log_level(db, LOG_FATAL);
    // A read-only open would rename the LOG file and begin another. Where no file can be made, it
    // goes without; an open for writing would fail.
    if (options->read_only && file_exists(no_log_dir))
        rocksdb_options_set_db_log_dir(db, no_log_dir);
    rocksdb_options_set_keep_log_file_num(db, 1);
    rocksdb_options_set_stats_dump_period_sec(db, 0);
    rocksdb_options_set_stats_persist_period_sec(db, 0);
    rocksdb_options_set_max_manifest_file_size(db, 4 * MIB); // each flush reads the growth once,
                                                             // each roll all of it
}

static void resources_set(rocksdb_options_t *db, const struct kv_rocks_options *options) {
    uint64_t buffers = options->write_buffer_bytes ? options->write_buffer_bytes : 64 * MIB;
    rocksdb_options_set_db_write_buffer_size(db, buffers);
    // Above 64 MiB in one memtable, one flush fills a disk that was thought to have room.
    rocksdb_options_set_write_buffer_size(db, buffers < 64 * MIB ? buffers : 64 * MIB);
    rocksdb_options_set_max_write_buffer_number(db, 4);
    rocksdb_options_set_allow_concurrent_memtable_write(db, 0); // there is one writer
    uint32_t threads = options->background_threads ? options->background_threads : 2;
    rocksdb_options_set_max_background_jobs(db, threads < 64 ? (int)threads : 64);
    rocksdb_options_set_max_open_files(db, 512);
    rocksdb_options_set_max_file_opening_threads(db, 2);
    rocksdb_options_set_table_cache_numshardbits(db, 4);
    rocksdb_options_set_level0_file_num_compaction_trigger(db, ROCKS_YOUNG_FILES);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(db, 1);
    rocksdb_options_set_bytes_per_sync(db, MIB); // no long stall at the final fsync
    rocksdb_options_set_max_total_wal_size(db, MIB);
}

static const char *compression_set(rocksdb_options_t *db, int compression) {
    static const char *const names[ROCKS_COMPRESSIONS] = {"LZ4; ZSTD below meta and history", "LZ4",
                                                          "no compression"};
    // What is flushed is merged soon, so it is not worth the time.
    const int levels[] = {rocksdb_no_compression,
                          compression < 2 ? rocksdb_lz4_compression : rocksdb_no_compression};
    rocksdb_options_set_compression_per_level(db, levels, sizeof levels / sizeof *levels);
    if (compression == 0) rocksdb_options_set_bottommost_compression(db, rocksdb_zstd_compression);
    return names[compression];
}

// Replaces *options by a copy to which text, settings that the C API has no function for, was
// added.
static nacre_status text_set(struct ctx *ctx, rocksdb_options_t **options, const char *text) {
    char *error = NULL;
    rocksdb_options_t *changed = rocksdb_options_create();
    rocksdb_get_options_from_string(*options, text, changed, &error);
    if (error) {
        rocksdb_options_destroy(changed);
        return rocks_error(ctx, error, "the store's options");
    }
    rocksdb_options_destroy(*options);
    *options = changed;
    return NACRE_OK;
}

// avoid_flush_during_shutdown: close does not flush (kv.h).
// max_bgerror_resume_count: after an I/O error the handle stops; nothing is tried again behind our
// back.
static nacre_status db_options(struct ctx *ctx, const struct kv_rocks_options *options,
                               int compression, struct rocks_settings *s) {
    s->db = rocksdb_options_create();
    durability_set(s->db, options);
    resources_set(s->db, options);
    s->compression = compression_set(s->db, compression);
    return text_set(ctx, &s->db,
                    "avoid_flush_during_shutdown=true;max_bgerror_resume_count=0;"
                    "verify_sst_unique_id_in_manifest=true");
}

// The compaction that a flush asks for has nothing to do in a first-in-first-out family but to
// forget old marks, one file at a time; a levelled one would be rewritten at every flush.
static void mark_family_set(rocksdb_options_t *options) {
    rocksdb_fifo_compaction_options_t *fifo = rocksdb_fifo_compaction_options_create();
    rocksdb_fifo_compaction_options_set_max_table_files_size(fifo, 32 * 1024);
    rocksdb_options_set_compaction_style(options, rocksdb_fifo_compaction);
    rocksdb_options_set_fifo_compaction_options(options, fifo);
    rocksdb_options_set_write_buffer_size(options, 64 * 1024);
    rocksdb_fifo_compaction_options_destroy(fifo);
}

// Most documents that are written are new: the filter over the memtable's keys answers that without
// a search. 1/200 of the buffer is ten bits or more per key, and stays in the processor's cache.
// Never memtable_insert_with_hint_prefix_extractor: RocksDB 7.8 keeps one table of hints for the
// keys and for the range deletes of a memtable, and follows a hint into the wrong list.
static const char data_memtable[] =
    "memtable_whole_key_filtering=true;memtable_prefix_bloom_size_ratio=0.005";

// enable_index_compression: rocks_verify.c reads index blocks itself.
// block_restart_interval, data_block_index_type: a block holds about eight documents; with one
// restart point a get walks over half of them, a line of memory each, with a hash table of keys it
// comes right to its own (docs/adr/0003-reads-by-key.md).
// index_block_restart_interval: an entry of the index shares what keys have in common with the one
// before, and says of its block only how much longer it is: a third of the memory, and fewer lines
// of it to search.
// bottommost_compression: as above it. Decompressing with ZSTD is half the time of a scan of data
// that is larger than the block cache; what is seldom read keeps it.
// History has documents, too, but is sought, so that hashes of keys would not serve it.
static const char history_table[] =
    "block_based_table_factory={enable_index_compression=false;block_restart_interval=4;}";
static const char plain_table[] = "block_based_table_factory={enable_index_compression=false;}";
static const char data_table[] =
    "bottommost_compression=kDisableCompressionOption;"
    "block_based_table_factory={enable_index_compression=false;block_restart_interval=4;"
    "index_block_restart_interval=8;data_block_index_type=kDataBlockBinaryAndHash;}";

static nacre_status family_options(struct ctx *ctx, struct rocks_settings *s, int family,
                                   bool hold_compactions) {
    s->family[family] = rocksdb_options_create_copy(s->db);
    // RocksDB does not change the options of a first-in-first-out family when few files are open.
    rocksdb_options_set_disable_auto_compactions(s->family[family],
                                                 hold_compactions && family != ROCKS_MARK);
    // Points are asked for in data and meta; history is sought.
    table_set(s, s->family[family], family == KV_DATA || family == KV_META);
    if (family == ROCKS_MARK) mark_family_set(s->family[family]);
    const char *table = family == KV_DATA      ? data_table
                        : family == KV_HISTORY ? history_table
                                               : plain_table;
    TRY(text_set(ctx, &s->family[family], table));
    if (family == KV_DATA) TRY(text_set(ctx, &s->family[family], data_memtable));
    // First-in-first-out with its usual time to live would need every file open.
    return family == ROCKS_MARK ? text_set(ctx, &s->family[family], "ttl=0") : NACRE_OK;
}

// A block that is larger than a shard is read from its file again and again, and RocksDB makes 64
// shards of any cache. A file of 64 MiB has an index block of up to 2 MiB and a filter of half that
// (docs/adr/0003-reads-by-key.md).
static int shard_bits(uint64_t capacity) {
    int bits = 0;
    while (bits < SHARD_BITS_MAX && capacity >> (bits + 1) >= SHARD_MIB * MIB)
        bits++;
    return bits;
}

static rocksdb_cache_t *block_cache_new(uint64_t cache_bytes) {
    // What the LRU counts is about four fifths of what the process then holds.
    uint64_t capacity = (cache_bytes ? cache_bytes : 64 * MIB) / 10 * 8;
    rocksdb_lru_cache_options_t *options = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(options, capacity);
    rocksdb_lru_cache_options_set_num_shard_bits(options, shard_bits(capacity));
    rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(options);
    rocksdb_lru_cache_options_destroy(options);
    return cache;
}

nacre_status rocks_settings_init(struct ctx *ctx, const struct kv_rocks_options *options,
                                 int compression, struct rocks_settings *out) {
    *out = (struct rocks_settings){.horizon_ts = options->horizon_ts};
    out->block_cache = block_cache_new(options->cache_bytes);
    nacre_status status = db_options(ctx, options, compression, out);
    for (int f = 0; f < ROCKS_FAMILIES && status == NACRE_OK; f++)
        status = family_options(ctx, out, f, options->hold_compactions);
    if (status == NACRE_OK && !history_filter_set(out)) status = err_nomem(ctx);
    if (status != NACRE_OK) rocks_settings_free(out);
    return status;
}

void rocks_settings_free(struct rocks_settings *s) {
    for (int f = 0; f < ROCKS_FAMILIES; f++)
        if (s->family[f]) rocksdb_options_destroy(s->family[f]);
    if (s->db) rocksdb_options_destroy(s->db);
    if (s->block_cache) rocksdb_cache_destroy(s->block_cache);
    if (s->history_filter) rocksdb_compactionfilter_destroy(s->history_filter);
    *s = (struct rocks_settings){0};
}
