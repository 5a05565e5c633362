#include "query/spill.h"

#include "base/bits/bits.h"
#include "base/err/check.h"

enum {
    SPILL_HEAD = 4, // of a block
    SPILL_SIZE = 4, // of a record
    SPILL_BLOCK_LEAST = 128,
    SPILL_BLOCK_MOST = 64 << 10,
    SPILL_BLOCKS = 32, // that the working memory holds at least
    SPILL_CHECK_BYTES = 16 << 20,
    SPILL_RECORD_MAX = 1 << 30,
};

size_t spill_work_bytes(const struct spill_place *place, const struct budget *budget) {
    size_t bytes = place->work_bytes;
    if (!budget || budget->limit == 0) return bytes;
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    size_t left = used < budget->limit ? budget->limit - used : 0;
    if (left >= bytes) return bytes;
    return bytes < SPILL_WORK_LEAST ? bytes : left < SPILL_WORK_LEAST ? SPILL_WORK_LEAST : left;
}

static size_t block_size_of(const struct spill_place *place) {
    size_t size = place->work_bytes / SPILL_BLOCKS;
    if (size < SPILL_BLOCK_LEAST) return SPILL_BLOCK_LEAST;
    return size > SPILL_BLOCK_MOST ? SPILL_BLOCK_MOST : size;
}

void spill_init(struct spill *spill, struct spill_place *place, struct budget *budget) {
    *spill = (struct spill){.place = place, .budget = budget, .file = FILE_CLOSED};
    if (place) spill->block_size = block_size_of(place);
}

static uint8_t *block_new(struct ctx *ctx, const struct spill *spill) {
    uint8_t *block = NULL;
    if (budget_charge(spill->budget, spill->block_size)) {
        block = mem_alloc(spill->block_size);
        if (!block) budget_release(spill->budget, spill->block_size);
    }
    if (!block) (void)err_nomem(ctx);
    return block;
}

static void block_free(const struct spill *spill, uint8_t *block) {
    if (block) budget_release(spill->budget, spill->block_size);
    mem_free(block);
}

void spill_reset(struct spill *spill) {
    block_free(spill, spill->block);
    spill->block = NULL;
    spill->end = spill->checked = 0;
    spill->first = spill->count = 0;
}

void spill_free(struct spill *spill) {
    spill_reset(spill);
    if (spill->place) temp_file_close(&spill->place->dir, &spill->file);
    budget_release(spill->budget, spill->cap * sizeof *spill->runs);
    mem_free(spill->runs);
    spill->runs = NULL;
    spill->cap = 0;
}

// --- writing ------------------------------------------------------------------------------------

static nacre_status room_for_run(struct ctx *ctx, struct spill *spill) {
    if (spill->count < spill->cap) return NACRE_OK;
    size_t more = spill->cap ? spill->cap : 16, bytes = more * sizeof *spill->runs;
    if (!budget_charge(spill->budget, bytes)) return err_nomem(ctx);
    struct spill_run *runs = mem_realloc(spill->runs, (spill->cap + more) * sizeof *runs);
    if (!runs) {
        budget_release(spill->budget, bytes);
        return err_nomem(ctx);
    }
    spill->runs = runs;
    spill->cap += more;
    return NACRE_OK;
}

nacre_status spill_begin(struct ctx *ctx, struct spill *spill) {
    DCHECK(!spill->block);
    if (spill->file.fd < 0) TRY(temp_file_open(ctx, &spill->place->dir, &spill->file));
    TRY(room_for_run(ctx, spill));
    spill->block = block_new(ctx, spill);
    if (!spill->block) return NACRE_MEMORY_LIMIT;
    spill->runs[spill->count] = (struct spill_run){.at = spill->end};
    spill->filled = SPILL_HEAD;
    return NACRE_OK;
}

static uint32_t checksum(uint64_t at, const uint8_t *block, size_t n) {
    uint8_t place[8];
    bits_put_le64(place, at);
    return crc32c(crc32c(0, place, sizeof place), block + SPILL_HEAD, n - SPILL_HEAD);
}

static nacre_status flush_block(struct ctx *ctx, struct spill *spill) {
    if (spill->end >= spill->checked) {
        TRY(temp_dir_check(ctx, &spill->place->dir));
        spill->checked = spill->end + SPILL_CHECK_BYTES;
    }
    bits_put_le32(spill->block, checksum(spill->end, spill->block, spill->filled));
    TRY(file_write_at(ctx, &spill->file, spill->end, spill->block, spill->filled));
    spill->runs[spill->count].size += spill->filled - SPILL_HEAD;
    spill->end += spill->filled;
    spill->written += spill->filled;
    spill->filled = SPILL_HEAD;
    return NACRE_OK;
}

static nacre_status put_bytes(struct ctx *ctx, struct spill *spill, struct slice bytes) {
    while (bytes.n) {
        size_t room = spill->block_size - spill->filled, n = bytes.n < room ? bytes.n : room;
        memcpy(spill->block + spill->filled, bytes.p, n);
        spill->filled += n;
        bytes = slice_skip(bytes, n);
        if (spill->filled == spill->block_size) TRY(flush_block(ctx, spill));
    }
    return NACRE_OK;
}

nacre_status spill_put(struct ctx *ctx, struct spill *spill, struct slice record) {
    uint8_t size[SPILL_SIZE];
    if (record.n > SPILL_RECORD_MAX) return err_nomem(ctx);
    bits_put_le32(size, (uint32_t)record.n);
    TRY(put_bytes(ctx, spill, slice_of(size, sizeof size)));
    return put_bytes(ctx, spill, record);
}

nacre_status spill_end(struct ctx *ctx, struct spill *spill) {
    if (spill->filled > SPILL_HEAD) TRY(flush_block(ctx, spill));
    block_free(spill, spill->block);
    spill->block = NULL;
    spill->count++;
    return NACRE_OK;
}

// --- reading ------------------------------------------------------------------------------------

nacre_status spill_reader_open(struct ctx *ctx, struct spill *spill, struct spill_reader *out) {
    DCHECK(spill->first < spill->count);
    uint8_t *block = block_new(ctx, spill);
    if (!block) return NACRE_MEMORY_LIMIT;
    *out =
        (struct spill_reader){.spill = spill, .run = spill->runs[spill->first++], .block = block};
    buf_init(&out->parts, spill->budget, SPILL_RECORD_MAX);
    return NACRE_OK;
}

void spill_reader_close(struct spill_reader *reader) {
    if (!reader->spill) return;
    block_free(reader->spill, reader->block);
    buf_free(&reader->parts);
    *reader = (struct spill_reader){0};
}

static nacre_status corrupt(struct ctx *ctx, const struct spill_reader *reader) {
    return err_set(ctx, NACRE_CORRUPT, "temporary file %s does not hold what was written at %llu",
                   reader->spill->file.path, (unsigned long long)reader->run.at);
}

static nacre_status load_block(struct ctx *ctx, struct spill_reader *reader) {
    struct spill *spill = reader->spill;
    size_t payload = spill->block_size - SPILL_HEAD, n;
    if (payload > reader->run.size) payload = (size_t)reader->run.size;
    size_t size = payload + SPILL_HEAD;
    TRY(file_read_at(ctx, &spill->file, reader->run.at, reader->block, size, &n));
    if (n != size || bits_le32(reader->block) != checksum(reader->run.at, reader->block, size))
        return corrupt(ctx, reader);
    reader->run.at += size;
    reader->run.size -= payload;
    reader->filled = size;
    reader->next = SPILL_HEAD;
    return NACRE_OK;
}

// n bytes into parts.
static nacre_status collect(struct ctx *ctx, struct spill_reader *reader, size_t n) {
    buf_reset(&reader->parts);
    while (n) {
        if (reader->next == reader->filled) {
            if (reader->run.size == 0) return corrupt(ctx, reader);
            TRY(load_block(ctx, reader));
        }
        size_t there = reader->filled - reader->next, part = there < n ? there : n;
        buf_put(&reader->parts, reader->block + reader->next, part);
        reader->next += part;
        n -= part;
    }
    return buf_status(&reader->parts) == NACRE_OK ? NACRE_OK : err_buf(ctx, &reader->parts);
}

// The next n bytes, where they lie if they do so together.
static nacre_status take(struct ctx *ctx, struct spill_reader *reader, size_t n,
                         struct slice *out) {
    if (n <= reader->filled - reader->next) {
        *out = slice_of(reader->block + reader->next, n);
        reader->next += n;
        return NACRE_OK;
    }
    TRY(collect(ctx, reader, n));
    *out = buf_slice(&reader->parts);
    return NACRE_OK;
}

nacre_status spill_reader_next(struct ctx *ctx, struct spill_reader *reader, bool *found) {
    struct slice size;
    *found = false;
    if (reader->next == reader->filled && reader->run.size == 0) return NACRE_OK;
    TRY(take(ctx, reader, SPILL_SIZE, &size));
    TRY(take(ctx, reader, bits_le32(size.p), &reader->record));
    *found = true;
    return NACRE_OK;
}
