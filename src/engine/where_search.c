#include "engine/where_search.h"

nacre_status where_search_open(struct ctx *ctx, struct where_search *s,
                               const struct query_target *target, const struct filter *filter,
                               struct slice after) {
    *s = (struct where_search){.target = *target};
    s->request = (struct query_request){.filter = filter,
                                        .limit = QUERY_UNLIMITED,
                                        .after = after,
                                        .now_ms = (int64_t)world_wall_ms(ctx->world)};
    buf_init(&s->ahead, NULL, SIZE_MAX);
    nacre_status status = query_open(ctx, &s->target, &s->request, &s->query);
    if (status != NACRE_OK) where_search_close(s);
    return status;
}

void where_search_close(struct where_search *s) {
    query_close(s->query);
    txn_view_release(s->target.view);
    buf_free(&s->ahead);
    *s = (struct where_search){0};
}

static nacre_status add(struct ctx *ctx, struct where_chunk *chunk, struct slice id, size_t bytes) {
    if (chunk->count == chunk->cap) {
        uint32_t cap = chunk->cap ? 2 * chunk->cap : 256;
        struct slice *grown = ARENA_ARRAY(&ctx->arena, struct slice, (size_t)cap);
        if (!grown) return err_nomem(ctx);
        if (chunk->count) memcpy(grown, chunk->ids, chunk->count * sizeof *grown);
        chunk->ids = grown;
        chunk->cap = cap;
    }
    const uint8_t *p = arena_copy(&ctx->arena, id.p, id.n);
    if (!p) return err_nomem(ctx);
    chunk->ids[chunk->count++] = slice_of(p, id.n);
    chunk->bytes += bytes;
    return NACRE_OK;
}

nacre_status where_search_next(struct ctx *ctx, struct where_search *s, struct where_chunk *chunk) {
    struct query_row row;
    chunk->ids = NULL;
    chunk->count = chunk->cap = 0;
    chunk->bytes = 0;
    for (bool found = true; !s->done;) {
        if (s->ahead.n) TRY(add(ctx, chunk, buf_slice(&s->ahead), s->ahead_bytes));
        buf_reset(&s->ahead);
        TRY(query_next(ctx, s->query, &row, &found));
        s->done = !found;
        if (!found) break;
        buf_put_slice(&s->ahead, row.id_key);
        if (buf_status(&s->ahead) != NACRE_OK) return err_nomem(ctx);
        s->ahead_bytes = row.id_key.n + row.row.body.n;
        if (chunk->count == chunk->max || (chunk->count && chunk->bytes >= chunk->max_bytes)) break;
    }
    chunk->last = s->done;
    return NACRE_OK;
}
