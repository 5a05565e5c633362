// Finding the end of the log. The rule, with L1: a lost sector reads as zeros. Where a record is
// expected and none is whole, the log ends, unless something vouches for the place:
//  - a synced_upto (of a later record, an opening or a mark) not below the missing index, or
//  - a later record while the bytes at the place lost no sector, so that no power cut explains
//  them.
// Then it is corruption.
#include <stdlib.h>
#include <string.h>

#include "base/err/ctx.h"
#include "log/local/log_impl.h"
#include "log/local/log_walk.h"

static uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

bool log_segments_push(struct log_segments *segments, const struct log_segment *one) {
    if (segments->count == segments->cap) {
        size_t cap = segments->cap ? segments->cap * 2 : 8;
        struct log_segment *items = mem_realloc(segments->items, cap * sizeof *items);
        if (!items) return false;
        segments->items = items;
        segments->cap = cap;
    }
    segments->items[segments->count++] = *one;
    return true;
}

void log_segments_free(struct log_segments *segments) {
    for (size_t i = 0; i < segments->count; i++) file_close(&segments->items[i].file);
    mem_free(segments->items);
    *segments = (struct log_segments){0};
}

void log_recovery_free(struct log_recovery *recovery) { log_segments_free(&recovery->segments); }

nacre_status log_recover_numbers(struct ctx *ctx, const char *dir, uint64_t **out, size_t *count) {
    struct dir_list list;
    TRY(dir_list(ctx, dir, &list));
    uint64_t *numbers = mem_alloc((list.count + 1) * sizeof *numbers);
    size_t n = 0;
    for (size_t i = 0; numbers && i < list.count; i++)
        if (log_name_parse(list.names[i], &numbers[n])) n++; // sorted as text is sorted as numbers
    dir_list_free(&list);
    if (!numbers) return err_nomem(ctx);
    *out = numbers;
    *count = n;
    return NACRE_OK;
}

static nacre_status check_dense(struct ctx *ctx, const char *dir, const uint64_t *numbers,
                                size_t count) {
    for (size_t i = 1; i < count; i++) {
        char name[LOG_NAME_BYTES];
        log_name_print(numbers[i - 1] + 1, name);
        if (numbers[i] != numbers[i - 1] + 1)
            return err_set(ctx, NACRE_CORRUPT, "log file %s/%s is missing, later ones are there",
                           dir, name);
    }
    return NACRE_OK;
}

static nacre_status open_segment(struct ctx *ctx, const char *dir, uint64_t number,
                                 struct file *file, struct log_blocks *blocks) {
    char path[LOG_PATH_MAX];
    TRY(log_local_segment_path(ctx, dir, number, path));
    struct file opened;
    TRY(file_open(ctx, path, FILE_READ, &opened));
    nacre_status status = log_blocks_read(ctx, &opened, number, blocks);
    if (status != NACRE_OK) {
        file_close(&opened);
        return status;
    }
    *file = opened;
    return NACRE_OK;
}

static bool continues(const struct log_recovery *r, const struct log_blocks *blocks) {
    const struct log_opening *o = &blocks->opening;
    if (!blocks->opened || o->chain_before != r->chain) return false;
    if (o->generation == r->generation) return o->first_index == r->last_index + 1;
    return o->generation > r->generation && o->first_index > r->last_index;
}

// Reads the records of one segment to their end and adds it.
static nacre_status take_segment(struct ctx *ctx, struct log_recovery *r, const struct file *file,
                                 const struct log_blocks *blocks, struct budget *budget) {
    struct log_walk walk;
    struct log_record_head head;
    struct slice payload;
    bool found = true;
    log_walk_init(&walk, file, blocks, budget);
    nacre_status status = NACRE_OK;
    while (status == NACRE_OK && found) {
        status = log_walk_next(ctx, &walk, blocks->head.bytes, &head, &payload, &found);
        if (status == NACRE_OK && found) r->proven = max_u64(r->proven, head.synced_upto);
    }
    log_walk_free(&walk);
    TRY(status);
    const struct log_opening *o = &blocks->opening;
    struct log_segment one = {.number = blocks->head.number,
                              .bytes = blocks->head.bytes,
                              .salt = blocks->head.salt,
                              .generation = o->generation,
                              .first_index = o->first_index,
                              .chain_before = o->chain_before,
                              .last_index = walk.index,
                              .end = walk.offset,
                              .file = FILE_CLOSED};
    if (!log_segments_push(&r->segments, &one)) return err_nomem(ctx);
    r->proven = max_u64(r->proven, o->synced_upto);
    if (blocks->marked) r->proven = max_u64(r->proven, blocks->mark.synced_upto);
    r->generation = o->generation;
    r->last_index = walk.index;
    r->chain = walk.chain;
    return NACRE_OK;
}

// What stands behind the end, in the last segment and in the files after it.
struct remains {
    struct log_search search;
    bool torn_like;       // the place may have lost a sector
    bool full;            // the place is the end of the file
    uint64_t bad_opening; // number of a segment whose opening is damaged though records follow
    const char *why;
};

static nacre_status look_at_place(struct ctx *ctx, const struct log_recovery *r,
                                  struct log_walk *walk, uint64_t limit, struct remains *m) {
    struct log_record_head head;
    struct slice payload;
    bool found;
    TRY(log_walk_next(ctx, walk, limit, &head, &payload, &found));
    if (found)
        return err_set(ctx, NACRE_UNAVAILABLE, "the log is being written by another process");
    m->why = walk->why;
    m->full = limit - walk->offset < LOG_RECORD_HEAD;
    TRY(log_walk_torn(ctx, walk, limit, &m->torn_like));
    uint64_t from = walk->offset;
    if (walk->head_good) {
        const struct log_record_head *bad = &walk->bad_head;
        m->search.nonzero = true;
        m->search.synced = bad->generation >= r->generation ? bad->synced_upto : 0;
        m->search.found = bad->generation >= r->generation && bad->index > r->last_index + 1;
        from += log_record_bytes(bad->length);
    }
    return log_walk_search(ctx, walk, from, limit, &m->search);
}

static nacre_status look_behind_end(struct ctx *ctx, const char *dir, struct budget *budget,
                                    const struct log_recovery *r, struct remains *m) {
    const struct log_segment *last = &r->segments.items[r->segments.count - 1];
    struct file file;
    struct log_blocks blocks;
    struct log_walk walk;
    TRY(open_segment(ctx, dir, last->number, &file, &blocks));
    log_walk_init(&walk, &file, &blocks, budget);
    walk.offset = last->end;
    walk.index = r->last_index;
    walk.chain = r->chain;
    nacre_status status = look_at_place(ctx, r, &walk, last->bytes, m);
    log_walk_free(&walk);
    file_close(&file);
    return status;
}

static nacre_status look_at_file(struct ctx *ctx, struct log_recovery *r, const struct file *file,
                                 const struct log_blocks *blocks, struct budget *budget,
                                 struct remains *m) {
    struct log_search search = m->search;
    search.found = search.nonzero = false;
    struct log_walk walk;
    log_walk_init(&walk, file, blocks, budget);
    nacre_status status = log_walk_search(ctx, &walk, LOG_RECORDS_AT, blocks->head.bytes, &search);
    log_walk_free(&walk);
    TRY(status);
    bool empty = blocks->opening_empty && !search.nonzero && !blocks->marked;
    uint64_t last = r->segments.items[r->segments.count - 1].number;
    if (empty && blocks->head.number == last + 1) {
        r->spare = true;
        r->spare_head = blocks->head;
    }
    // Where the last segment is full, the next thing written was this opening.
    if (m->full && blocks->head.number == last + 1) m->torn_like = blocks->opening_empty;
    bool damaged = !blocks->opened && !blocks->opening_empty;
    if (damaged && search.found && !m->bad_opening) m->bad_opening = blocks->head.number;
    if (blocks->opened && blocks->opening.generation >= r->generation) {
        search.found = true;
        search.synced = max_u64(search.synced, blocks->opening.synced_upto);
    }
    if (blocks->marked && blocks->mark.generation >= r->generation)
        search.synced = max_u64(search.synced, blocks->mark.synced_upto);
    m->search.found |= search.found;
    m->search.nonzero |= !empty;
    m->search.synced = search.synced;
    return NACRE_OK;
}

static nacre_status corrupt_at(struct ctx *ctx, const char *dir, const struct log_recovery *r,
                               const char *why, const char *voucher) {
    const struct log_segment *last = &r->segments.items[r->segments.count - 1];
    char name[LOG_NAME_BYTES];
    log_name_print(last->number, name);
    return err_set(ctx, NACRE_CORRUPT,
                   "log file %s/%s, offset %llu: record %llu cannot be read (%s), but %s", dir,
                   name, (unsigned long long)last->end, (unsigned long long)(r->last_index + 1),
                   why, voucher);
}

static nacre_status judge(struct ctx *ctx, const char *dir, struct log_recovery *r,
                          const struct remains *m) {
    uint64_t proven = max_u64(r->proven, m->search.synced);
    if (proven > r->last_index) return corrupt_at(ctx, dir, r, m->why, "it was synced");
    if (m->search.found && !m->torn_like)
        return corrupt_at(ctx, dir, r, m->why, "a later record is there");
    if (m->bad_opening) {
        char name[LOG_NAME_BYTES];
        log_name_print(m->bad_opening, name);
        return err_set(ctx, NACRE_CORRUPT, "log file %s/%s, offset %d: the opening is damaged", dir,
                       name, (int)LOG_OPENING_AT);
    }
    r->proven = proven;
    r->torn = m->search.nonzero;
    return NACRE_OK;
}

static nacre_status recover_from(struct ctx *ctx, const char *dir, struct budget *budget,
                                 const uint64_t *numbers, size_t count, struct log_recovery *r) {
    struct remains remains = {0};
    bool ended = false;
    for (size_t i = 0; i < count; i++) {
        struct file file;
        struct log_blocks blocks;
        TRY(open_segment(ctx, dir, numbers[i], &file, &blocks));
        nacre_status status = NACRE_OK;
        if (i == 0 && !blocks.opened)
            status = err_set(ctx, NACRE_CORRUPT, "log file %s, offset %d: the opening is damaged",
                             file.path, (int)LOG_OPENING_AT);
        if (i > 0 && !ended && !continues(r, &blocks)) {
            ended = true;
            remains.search.min_generation = r->generation;
            remains.search.min_index = r->last_index + 1;
            status = look_behind_end(ctx, dir, budget, r, &remains);
        }
        if (status == NACRE_OK)
            status = ended ? look_at_file(ctx, r, &file, &blocks, budget, &remains)
                           : take_segment(ctx, r, &file, &blocks, budget);
        file_close(&file);
        TRY(status);
    }
    if (!ended) {
        remains.search.min_generation = r->generation;
        remains.search.min_index = r->last_index + 1;
        TRY(look_behind_end(ctx, dir, budget, r, &remains));
    }
    return judge(ctx, dir, r, &remains);
}

nacre_status log_recover(struct ctx *ctx, const char *dir, struct budget *budget,
                         struct log_recovery *out) {
    struct log_recovery r = {.files_end = 1};
    uint64_t *numbers;
    size_t count;
    TRY(log_recover_numbers(ctx, dir, &numbers, &count));
    nacre_status status = check_dense(ctx, dir, numbers, count);
    if (status == NACRE_OK && count) {
        r.files_end = numbers[count - 1] + 1;
        status = recover_from(ctx, dir, budget, numbers, count, &r);
    }
    mem_free(numbers);
    if (status != NACRE_OK) {
        log_recovery_free(&r);
        return status;
    }
    *out = r;
    return NACRE_OK;
}
