// RocksDB's C API tells errors as text; its prefixes (util/status.cc) and the texts of its posix
// environment are stable.
#include <stdio.h>
#include <string.h>

#include "store/rocks/rocks_internal.h"

struct error_rule {
    const char *prefix, *part; // both must match; "" matches always
    nacre_status status;
};

// In order: the first that matches. A disk that is full is told so whatever RocksDB made of it.
static const struct error_rule rules[] = {
    {"", "No space left on device", NACRE_DISK_FULL},
    {"", "Disk quota exceeded", NACRE_DISK_FULL},
    {"", "Max allowed space was reached", NACRE_DISK_FULL},
    {"IO error: lock hold by current process", "", NACRE_LOCKED},
    {"IO error: While lock file", "Resource temporarily unavailable", NACRE_LOCKED},
    {"IO error: While lock file", "Permission denied", NACRE_LOCKED},
    {"Corruption", "", NACRE_CORRUPT},
    {"IO error: No such file or directory", ".sst", NACRE_CORRUPT},
    {"IO error: No such file or directory", ".ldb", NACRE_CORRUPT},
    {"IO error: No such file or directory", "MANIFEST-", NACRE_CORRUPT},
    {"Invalid argument", "does not exist (create_if_missing is false)", NACRE_NOT_FOUND},
    {"Invalid argument", "olumn famil", NACRE_INCOMPATIBLE_FORMAT},
    {"", "Cannot allocate memory", NACRE_MEMORY_LIMIT},
    {"Shutdown in progress", "", NACRE_CLOSED},
    {"", "", NACRE_IO_ERROR},
};

static nacre_status classify(const char *text) {
    const struct error_rule *rule = rules;
    while (strncmp(text, rule->prefix, strlen(rule->prefix)) != 0 || !strstr(text, rule->part))
        rule++;
    return rule->status;
}

// The name of the first file of a database that text speaks of: "000012.sst", "MANIFEST-000005",
// "CURRENT". Where a table is missing RocksDB tells the name that it tried last, with ".ldb".
static bool file_name(const char *text, char *out, size_t size) {
    static const char *const parts[] = {".sst", ".ldb", "MANIFEST-", "CURRENT"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *at = strstr(text, parts[i]), *digits = at;
        if (!at) continue;
        while (digits > text && digits[-1] >= '0' && digits[-1] <= '9') digits--;
        const char *after = at + strlen(parts[i]);
        (void)snprintf(out, size, "%.*s%s%.*s", (int)(at - digits), digits,
                       i == 1 ? ".sst" : parts[i], (int)strspn(after, "0123456789"), after);
        return true;
    }
    return false;
}

nacre_status rocks_error(struct ctx *ctx, char *error, const char *what) {
    nacre_status status = classify(error);
    char name[64];
    if (status == NACRE_CORRUPT && file_name(error, name, sizeof name))
        (void)err_set(ctx, status, "%s: file %s is damaged (RocksDB: %s)", what, name, error);
    else (void)err_set(ctx, status, "%s (RocksDB: %s)", what, error);
    rocksdb_free(error);
    return status;
}

void rocks_stop(struct kv_rocks *rocks, const struct ctx *ctx) {
    store_lock_take(&rocks->fail_lock);
    if (atomic_load(&rocks->failed) == NACRE_OK) {
        (void)snprintf(rocks->fail_text, sizeof rocks->fail_text, "%s", ctx->err.detail);
        atomic_store(&rocks->failed, (int)ctx->err.status);
    }
    store_lock_drop(&rocks->fail_lock);
}

nacre_status rocks_check_alive(const struct kv_rocks *rocks, struct ctx *ctx) {
    if (rocks_alive(rocks)) return NACRE_OK;
    return err_set(ctx, NACRE_CLOSED,
                   "the store was opened by the parent process: a forked child cannot use it");
}

static nacre_status stopped(struct kv_rocks *rocks, struct ctx *ctx) {
    store_lock_take(&rocks->fail_lock);
    nacre_status status = (nacre_status)atomic_load(&rocks->failed);
    (void)err_set(ctx, status, "stopped by an earlier error: %s", rocks->fail_text);
    store_lock_drop(&rocks->fail_lock);
    return status;
}

nacre_status rocks_check_writable(struct kv_rocks *rocks, struct ctx *ctx) {
    TRY(rocks_check_alive(rocks, ctx));
    if (rocks->read_only)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the store is open for reading only");
    if (atomic_load_explicit(&rocks->failed, memory_order_acquire) != NACRE_OK)
        return stopped(rocks, ctx);
    uint64_t errors = 0;
    if (rocksdb_property_int(rocks->db, "rocksdb.background-errors", &errors) == 0 && errors == 0)
        return NACRE_OK;
    // The text of a background error comes out of a write that it refuses; where it refuses none,
    // there is no text.
    char *error = NULL;
    rocksdb_put_cf(rocks->db, rocks->mark_options, rocks->family[ROCKS_MARK], "", 0, "", 0, &error);
    nacre_status status = error ? rocks_error(ctx, error, "writing in the background")
                                : err_set(ctx, NACRE_IO_ERROR, "a write in the background failed");
    rocks_stop(rocks, ctx);
    return status;
}
