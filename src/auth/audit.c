// Writing the audit log.
#include "auth/audit.h"

#include <stdio.h>

#include "auth/audit_file.h"
#include "auth/limit.h"
#include "base/os/mutex.h"
#include "base/text/time.h"
#include "base/text/utf8.h"
#include "doc/json.h"

enum { REFUSED_A_SECOND = 100, REFUSED_BURST = 1000, TEXT_MAX = 512 };

struct audit {
    const struct world *world;
    struct limit *refused; // lines of refusals
    struct mutex mutex;    // guards what follows
    char dir[4000];
    struct file file;
    uint32_t number;                  // of the file
    uint64_t size, count;             // of the file; lines of all
    uint64_t skipped;                 // refusals without a line since the last line
    char before[AUDIT_HASH_TEXT + 1]; // of the last line
    struct buf line;
    bool broken; // the last line could not be written
};

// --- opening ---

static nacre_status open_file(struct ctx *ctx, struct audit *audit) {
    struct audit_tail tail = {0};
    char path[AUDIT_PATH_MAX];
    audit_path(audit->dir, audit->number, path);
    TRY(file_open(ctx, path, FILE_CREATE, &audit->file));
    TRY(audit_tail_read(ctx, &audit->file, &tail));
    audit->size = tail.end;
    if (tail.found || audit->number == 1) {
        audit->count = tail.n;
        memcpy(audit->before, tail.hash, sizeof tail.hash);
        return file_truncate(ctx, &audit->file, tail.end); // a line that was not finished
    }
    // A new file without a line yet: the chain goes on from the one before.
    struct file earlier = FILE_CLOSED;
    audit_path(audit->dir, audit->number - 1, path);
    TRY(file_open(ctx, path, FILE_READ, &earlier));
    nacre_status status = audit_tail_read(ctx, &earlier, &tail);
    file_close(&earlier);
    audit->count = tail.n;
    memcpy(audit->before, tail.hash, sizeof tail.hash);
    return status;
}

static nacre_status open_log(struct ctx *ctx, const char *dir, struct audit *audit) {
    int n = snprintf(audit->dir, sizeof audit->dir, "%s/audit", dir);
    if (n < 0 || (size_t)n >= sizeof audit->dir)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's path is too long");
    audit->refused = limit_open(REFUSED_A_SECOND, REFUSED_BURST);
    if (!audit->refused) return err_nomem(ctx);
    TRY(dir_make(ctx, audit->dir));
    TRY(audit_last_number(ctx, audit->dir, &audit->number));
    if (!audit->number) audit->number = 1;
    TRY(open_file(ctx, audit));
    return dir_sync(ctx, audit->dir);
}

nacre_status audit_open(struct ctx *ctx, const char *dir, const struct world *world,
                        struct audit **out) {
    struct audit *audit = mem_zalloc(sizeof *audit);
    if (!audit) return err_nomem(ctx);
    audit->world = world;
    audit->file = FILE_CLOSED;
    mutex_init(&audit->mutex);
    buf_init(&audit->line, NULL, AUDIT_LINE_MAX);
    nacre_status status = open_log(ctx, dir, audit);
    if (status == NACRE_OK)
        *out = audit;
    else
        audit_close(audit);
    return status;
}

void audit_close(struct audit *audit) {
    if (!audit) return;
    file_close(&audit->file);
    limit_close(audit->refused);
    buf_free(&audit->line);
    mutex_destroy(&audit->mutex);
    mem_free(audit);
}

// --- a line ---

static void put_text(struct buf *line, const char *name, struct slice text) {
    if (!text.n) return;
    if (text.n > TEXT_MAX) text.n = TEXT_MAX;
    text.n = utf8_valid_prefix(text); // cut within a character, or no text from there on
    buf_printf(line, ",\"%s\":", name);
    json_write_str(line, text);
}

static struct slice text_of(const char *text) { return text ? slice_str(text) : (struct slice){0}; }

static void put_line(struct audit *audit, const struct audit_event *event) {
    struct buf *line = &audit->line;
    char time[TIME_TEXT_MAX];
    size_t n = time_print((int64_t)world_wall_ms(audit->world), time);
    buf_reset(line);
    buf_printf(line, "{\"n\":%llu,\"time\":\"%.*s\"", (unsigned long long)audit->count + 1, (int)n,
               time);
    put_text(line, "what", text_of(event->what));
    put_text(line, "who", text_of(event->who));
    put_text(line, "address", event->address);
    put_text(line, "database", text_of(event->database));
    put_text(line, "collection", text_of(event->collection));
    put_text(line, "target", event->target);
    put_text(line, "result",
             event->status == NACRE_OK ? SLICE_LIT("ok")
                                       : slice_str(nacre_status_code(event->status)));
    if (audit->skipped) buf_printf(line, ",\"skipped\":%llu", (unsigned long long)audit->skipped);
    buf_printf(line, ",\"before\":\"%s\"}\n", audit->before);
}

static nacre_status next_file(struct ctx *ctx, struct audit *audit) {
    char path[AUDIT_PATH_MAX];
    struct file next;
    audit_path(audit->dir, audit->number + 1, path);
    TRY(file_sync(ctx, &audit->file));
    TRY(file_open(ctx, path, FILE_CREATE, &next));
    file_close(&audit->file);
    audit->file = next;
    audit->number++;
    audit->size = 0;
    return dir_sync(ctx, audit->dir);
}

static nacre_status append(struct ctx *ctx, struct audit *audit, const struct audit_event *event) {
    if (audit->size >= AUDIT_FILE_MAX) TRY(next_file(ctx, audit));
    put_line(audit, event);
    if (buf_status(&audit->line) != NACRE_OK) return err_buf(ctx, &audit->line);
    TRY(file_write_at(ctx, &audit->file, audit->size, audit->line.p, audit->line.n));
    if (!event->refused) TRY(file_sync_data(ctx, &audit->file));
    audit_hash(slice_of(audit->line.p, audit->line.n - 1), audit->before);
    audit->size += audit->line.n;
    audit->count++;
    audit->skipped = 0;
    return NACRE_OK;
}

nacre_status audit_write(struct ctx *ctx, struct audit *audit, const struct audit_event *event) {
    struct limit_state state;
    bool told = !event->refused || limit_take(audit->refused, SLICE_LIT("refused"),
                                              world_mono_ns(audit->world), &state);
    nacre_status status = NACRE_OK;
    mutex_lock(&audit->mutex);
    if (told) {
        status = append(ctx, audit, event);
        audit->broken = status != NACRE_OK;
    } else {
        audit->skipped++;
    }
    mutex_unlock(&audit->mutex);
    return status;
}

nacre_status audit_ready(struct ctx *ctx, struct audit *audit) {
    mutex_lock(&audit->mutex);
    bool broken = audit->broken;
    mutex_unlock(&audit->mutex);
    if (!broken) return NACRE_OK;
    err_set(ctx, NACRE_UNAVAILABLE, "the audit log cannot be written");
    err_hint(ctx, "Make room on the disk, and restart the server.");
    return NACRE_UNAVAILABLE;
}
