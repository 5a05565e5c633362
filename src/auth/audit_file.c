// Reading the audit log: where it ends, and whether it is whole.
#include "auth/audit_file.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/secret.h"

static const char first_before[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

void audit_path(const char *dir, uint32_t number, char out[AUDIT_PATH_MAX]) {
    snprintf(out, AUDIT_PATH_MAX, "%s/%08" PRIu32 ".log", dir, number);
}

// Of "00000007.log"; 0: it is no file of the log.
static uint32_t number_of(const char *name) {
    uint32_t number = 0;
    int i = 0;
    for (; i < 8 && name[i] >= '0' && name[i] <= '9'; i++)
        number = number * 10 + (uint32_t)(name[i] - '0');
    return i == 8 && strcmp(name + 8, ".log") == 0 ? number : 0;
}

nacre_status audit_last_number(struct ctx *ctx, const char *dir, uint32_t *out) {
    struct dir_list list;
    *out = 0;
    TRY(dir_list(ctx, dir, &list));
    for (size_t i = 0; i < list.count; i++)
        if (number_of(list.names[i]) > *out) *out = number_of(list.names[i]);
    dir_list_free(&list);
    return NACRE_OK;
}

void audit_hash(struct slice line, char out[AUDIT_HASH_TEXT + 1]) { secret_digest(line, out); }

static uint64_t number_in(struct slice line) {
    struct slice begin = SLICE_LIT("{\"n\":");
    uint64_t n = 0;
    if (!slice_starts(line, begin)) return 0;
    for (size_t i = begin.n; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(line.p[i] - '0');
    return n;
}

// --- its end ---

nacre_status audit_tail_read(struct ctx *ctx, const struct file *file, struct audit_tail *out) {
    uint8_t bytes[2 * AUDIT_LINE_MAX];
    uint64_t size;
    size_t n, end, begin;
    *out = (struct audit_tail){0};
    memcpy(out->hash, first_before, sizeof out->hash);
    TRY(file_size(ctx, file, &size));
    uint64_t from = size > sizeof bytes ? size - sizeof bytes : 0;
    TRY(file_read_at(ctx, file, from, bytes, (size_t)(size - from), &n));
    for (end = n; end > 0 && bytes[end - 1] != '\n';)
        end--;
    if (end == 0) return NACRE_OK;
    for (begin = end - 1; begin > 0 && bytes[begin - 1] != '\n';)
        begin--;
    struct slice line = slice_of(bytes + begin, end - 1 - begin);
    out->found = true;
    out->end = from + end;
    out->n = number_in(line);
    audit_hash(line, out->hash);
    return NACRE_OK;
}

// --- all of it ---

struct verify {
    uint32_t file;
    uint64_t line, n; // in the file; of all
    char before[AUDIT_HASH_TEXT + 1];
    bool begun;
};

static nacre_status differs(struct ctx *ctx, const struct verify *v, const char *why) {
    return err_set(ctx, NACRE_CORRUPT, "audit/%08" PRIu32 ".log, line %" PRIu64 ": %s", v->file,
                   v->line, why);
}

static nacre_status check_line(struct ctx *ctx, struct verify *v, struct slice line) {
    char end[AUDIT_HASH_TEXT + 32];
    size_t size = (size_t)snprintf(end, sizeof end, ",\"before\":\"%s\"}", v->before);
    uint64_t n = number_in(line);
    v->line++;
    if (!v->begun) { // older files may be kept elsewhere
        v->begun = true;
        if (v->file > 1) {
            if (line.n < size) return differs(ctx, v, "it is no line of the log");
            memcpy(end + 11, line.p + line.n - AUDIT_HASH_TEXT - 2, AUDIT_HASH_TEXT);
            v->n = n ? n - 1 : 0;
        }
    }
    if (n != v->n + 1) return differs(ctx, v, "its number does not follow");
    if (line.n < size || memcmp(line.p + line.n - size, end, size) != 0)
        return differs(ctx, v, "it does not follow from the line before");
    audit_hash(line, v->before);
    v->n = n;
    return NACRE_OK;
}

static nacre_status check_text(struct ctx *ctx, struct verify *v, struct slice text, bool last) {
    v->line = 0;
    while (text.n) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        // What a crash left of a line: the next start takes it away.
        if (!end) return last ? NACRE_OK : differs(ctx, v, "the file ends within a line");
        size_t size = (size_t)(end - text.p);
        TRY(check_line(ctx, v, slice_of(text.p, size)));
        text = slice_skip(text, size + 1);
    }
    return NACRE_OK;
}

static nacre_status check_file(struct ctx *ctx, struct verify *v, const char *dir, bool last) {
    struct buf text BUF_CLEANUP = {0};
    char path[AUDIT_PATH_MAX];
    audit_path(dir, v->file, path);
    buf_init(&text, NULL, 2 * AUDIT_FILE_MAX);
    TRY(file_read_all(ctx, path, 2 * AUDIT_FILE_MAX, &text));
    return check_text(ctx, v, buf_slice(&text), last);
}

nacre_status audit_verify(struct ctx *ctx, const char *dir, uint64_t *out_lines,
                          char out_last[AUDIT_HASH_TEXT + 1]) {
    struct verify v = {0};
    char log[AUDIT_PATH_MAX - 16], path[AUDIT_PATH_MAX];
    uint32_t last, first;
    int n = snprintf(log, sizeof log, "%s/audit", dir);
    if (n < 0 || (size_t)n >= sizeof log)
        return err_set(ctx, NACRE_INVALID_ARGUMENT, "the directory's path is too long");
    TRY(audit_last_number(ctx, log, &last));
    if (!last) return err_set(ctx, NACRE_NOT_FOUND, "there is no audit log in %s", dir);
    for (first = last; first > 1; first--) {
        audit_path(log, first - 1, path);
        if (!file_exists(path)) break;
    }
    memcpy(v.before, first_before, sizeof v.before);
    for (v.file = first; v.file <= last; v.file++)
        TRY(check_file(ctx, &v, log, v.file == last));
    *out_lines = v.n;
    memcpy(out_last, v.before, sizeof v.before);
    return NACRE_OK;
}
