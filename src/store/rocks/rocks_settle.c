// Young files merged while nobody writes: a get looks into each of them, and a seek reads a block
// of each (docs/adr/0010-an-idle-store-settles.md). RocksDB merges them itself, at four of them;
// here that number is 1 for as long as nobody writes.
#include <stdio.h>

#include "store/rocks/rocks_internal.h"

// What is merged is rewritten with what it lies above: young files must be at least this part of
// that, or small writes now and then would rewrite it all each time.
enum { SETTLE_PART = 4 };

struct shape {
    uint64_t young_bytes, beneath_bytes; // of level 0, of the first level below it that has files
    size_t young;                        // files
};

static struct shape shape_of(rocksdb_column_family_metadata_t *family) {
    struct shape shape = {0};
    size_t levels = rocksdb_column_family_metadata_get_level_count(family);
    for (size_t i = 0; i < levels && !shape.beneath_bytes; i++) {
        rocksdb_level_metadata_t *level =
            rocksdb_column_family_metadata_get_level_metadata(family, i);
        if (i == 0) {
            shape.young = rocksdb_level_metadata_get_file_count(level);
            shape.young_bytes = rocksdb_level_metadata_get_size(level);
        } else {
            shape.beneath_bytes = rocksdb_level_metadata_get_size(level);
        }
        rocksdb_level_metadata_destroy(level);
    }
    return shape;
}

static bool is_worth_it(const struct kv_rocks *rocks, int family) {
    rocksdb_column_family_metadata_t *metadata =
        rocksdb_get_column_family_metadata_cf(rocks->db, rocks->family[family]);
    struct shape shape = shape_of(metadata);
    rocksdb_column_family_metadata_destroy(metadata);
    bool several = shape.young > 1 || (shape.young && shape.beneath_bytes);
    return several && shape.young_bytes >= shape.beneath_bytes / SETTLE_PART;
}

static nacre_status merge_at(struct kv_rocks *rocks, struct ctx *ctx, int family, int files) {
    const char *name = "level0_file_num_compaction_trigger";
    char number[16], *error = NULL;
    const char *value = number;
    (void)snprintf(number, sizeof number, "%d", files);
    rocksdb_set_options_cf(rocks->db, rocks->family[family], 1, &name, &value, &error);
    return error ? rocks_error(ctx, error, "the store's options") : NACRE_OK;
}

nacre_status rocks_settle(struct kv *kv, struct ctx *ctx, bool idle) {
    struct kv_rocks *rocks = rocks_of(kv);
    TRY(rocks_check_writable(rocks, ctx));
    for (int f = 0; f < KV_FAMILIES; f++) {
        bool settle = idle && is_worth_it(rocks, f);
        if (settle == rocks->settling[f]) continue;
        TRY(merge_at(rocks, ctx, f, settle ? 1 : ROCKS_YOUNG_FILES));
        rocks->settling[f] = settle;
    }
    return NACRE_OK;
}
