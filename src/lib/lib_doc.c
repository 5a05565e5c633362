// Point reads, and documents held in memory.
#include "lib/lib.h"
#include "lib/lib_cached.h"

// nacre_doc.held. The row's bytes are pinned by entry, or by pin and view.
enum doc_held {
    DOC_DB,
    DOC_ENTRY,
    DOC_PIN,
    DOC_PIN_VALUE,
    DOC_PIN_SIZE,
    DOC_VIEW,
    DOC_ROW,
    DOC_ROW_SIZE,
    DOC_FOOTER,
    DOC_FOOTER_SIZE,
};

static void *of_const(const void *p) { return (void *)(uintptr_t)p; }
static void *of_size(size_t n) { return (void *)(uintptr_t)n; }
static size_t to_size(const void *p) { return (size_t)(uintptr_t)p; }

static void hold(struct nacre_db *db, const struct engine_doc *doc, nacre_doc *out) {
    struct slice bytes = doc->entry ? cache_value(doc->entry) : doc->pin.value;
    const struct row *row = &doc->row;
    out->version = row->version;
    out->created_ms = row_ts_ms(row->created_ts);
    out->updated_ms = row_ts_ms(row->begin_ts);
    out->expires_ms = row->flags & ROW_EXPIRY ? row->expires_ms : 0;
    out->bson = row->body.p;
    out->bson_size = row->body.n;
    out->held[DOC_DB] = db;
    out->held[DOC_ENTRY] = of_const(doc->entry);
    out->held[DOC_PIN] = doc->pin.handle;
    out->held[DOC_PIN_VALUE] = of_const(doc->pin.value.p);
    out->held[DOC_PIN_SIZE] = of_size(doc->pin.value.n);
    out->held[DOC_VIEW] = doc->view;
    out->held[DOC_ROW] = of_const(bytes.p);
    out->held[DOC_ROW_SIZE] = of_size(bytes.n);
    out->held[DOC_FOOTER] = of_const(row->footer.p);
    out->held[DOC_FOOTER_SIZE] = of_size(row->footer.n);
}

// Leaves the error in the session.
static nacre_status get(struct nacre_session *s, struct nacre_collection *c, nacre_id id,
                        struct engine_doc *out) {
    struct engine_collection handle;
    TRY(lib_handle(s, c, &handle));
    nacre_status status = s->in_tx ? engine_tx_get(&s->ctx, s->tx, &handle, lib_id(id), out)
                                   : engine_get(&s->ctx, s->db->engine, &handle, lib_id(id), out);
    lib_handle_keep(c, &handle);
    return lib_done(s, status);
}

nacre_status nacre_get(nacre_session *s, nacre_collection *collection, nacre_id id,
                       nacre_doc *out) {
    struct engine_doc doc = {0};
    TRY(lib_begin(s));
    if (__builtin_expect(!out, 0)) return lib_null(s, "out", "where the document goes");
    TRY(get(s, collection, id, &doc));
    hold(s->db, &doc, out);
    return NACRE_OK;
}

nacre_status lib_get_cached(nacre_session *s, nacre_collection *collection, nacre_id id,
                            nacre_doc *out, bool *would_wait) {
    struct engine_collection handle;
    struct engine_doc doc = {0};
    TRY(lib_begin(s));
    TRY(lib_handle(s, collection, &handle));
    nacre_status status =
        engine_get_cached(&s->ctx, s->db->engine, &handle, lib_id(id), &doc, would_wait);
    lib_handle_keep(collection, &handle);
    if (*would_wait) return status;
    TRY(lib_done(s, status));
    hold(s->db, &doc, out);
    return NACRE_OK;
}

nacre_status nacre_get_as_of(nacre_session *s, nacre_collection *collection, nacre_id id,
                             const char *as_of, nacre_doc *out) {
    struct engine_collection handle;
    struct engine_doc doc = {0};
    int64_t as_of_ms;
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the document goes");
    TRY(lib_as_of(s, as_of, &as_of_ms));
    TRY(lib_handle(s, collection, &handle));
    TRY(lib_done(s, engine_get_past(&s->ctx, s->db->engine, &handle, lib_id(id), as_of_ms, &doc)));
    hold(s->db, &doc, out);
    return NACRE_OK;
}

nacre_status nacre_exists(nacre_session *s, nacre_collection *collection, nacre_id id, int *out) {
    struct engine_doc doc = {0};
    TRY(lib_begin(s));
    if (!out) return lib_null(s, "out", "where the answer goes");
    nacre_status status = get(s, collection, id, &doc);
    if (status == NACRE_DOCUMENT_NOT_FOUND) {
        err_clear(&s->ctx);
        *out = 0;
        return NACRE_OK;
    }
    if (status != NACRE_OK) return status;
    engine_release_doc(s->db->engine, &doc);
    *out = 1;
    return NACRE_OK;
}

void nacre_doc_release(nacre_doc *doc) {
    if (!doc) return;
    struct nacre_db *db = doc->held[DOC_DB];
    if (db && !lib_is_forked(db)) { // L4
        struct engine_doc held = {.entry = doc->held[DOC_ENTRY],
                                  .pin.handle = doc->held[DOC_PIN],
                                  .view = doc->held[DOC_VIEW]};
        held.pin.value = slice_of(doc->held[DOC_PIN_VALUE], to_size(doc->held[DOC_PIN_SIZE]));
        engine_release_doc(db->engine, &held);
    }
    *doc = (nacre_doc){0};
}

static nacre_status check_doc(struct nacre_session *s, const nacre_doc *doc) {
    if (!doc) return lib_null(s, "doc", "a document that nacre_get gave");
    if (doc->held[DOC_DB] == s->db) return NACRE_OK;
    if (doc->held[DOC_DB])
        return err_set(&s->ctx, NACRE_INVALID_ARGUMENT, "doc is of another database");
    return err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                   "doc holds no document; expected one that nacre_get gave and that is not "
                   "released");
}

// The row again; its checksum was verified when it was read.
static nacre_status row_of(struct nacre_session *s, const nacre_doc *doc, struct row *out) {
    struct slice bytes = slice_of(doc->held[DOC_ROW], to_size(doc->held[DOC_ROW_SIZE]));
    return row_decode(&s->ctx, slice_of(NULL, 0), bytes, false, out);
}

nacre_status nacre_doc_json(nacre_session *s, const nacre_doc *doc, const char *fields,
                            const char **out, size_t *out_size) {
    struct row row;
    struct lib_row_options options = {0};
    TRY(lib_begin(s));
    TRY(check_doc(s, doc));
    if (!out) return lib_null(s, "out", "where the text goes");
    if (fields) options.fields = slice_str(fields);
    if (fields && !fields[0]) {
        nacre_status status = err_set(&s->ctx, NACRE_INVALID_ARGUMENT,
                                      "fields is empty; expected paths as in \"a,b.c\", or NULL");
        err_parameter(&s->ctx, "fields");
        return status;
    }
    TRY(lib_done(s, row_of(s, doc, &row)));
    lib_text_reset(&s->text);
    TRY(lib_row_json(s, &row, &options, &s->text));
    return lib_text_give(s, &s->text, out, out_size);
}

static nacre_type type_of(enum val_type type) {
    switch (type) {
    case VAL_MISSING:
        return NACRE_TYPE_MISSING;
    case VAL_NULL:
        return NACRE_TYPE_NULL;
    case VAL_INT:
        return NACRE_TYPE_INT;
    case VAL_DOUBLE:
        return NACRE_TYPE_DOUBLE;
    case VAL_STRING:
        return NACRE_TYPE_STRING;
    case VAL_OBJECT:
        return NACRE_TYPE_OBJECT;
    case VAL_ARRAY:
        return NACRE_TYPE_ARRAY;
    case VAL_BINARY:
        return NACRE_TYPE_BINARY;
    case VAL_VECTOR:
        return NACRE_TYPE_VECTOR;
    case VAL_BOOL:
        return NACRE_TYPE_BOOL;
    case VAL_DATE:
        return NACRE_TYPE_DATE;
    }
    return NACRE_TYPE_MISSING;
}

static nacre_value value_of(struct val v) {
    nacre_value out = {.type = type_of(v.type)};
    switch (v.type) {
    case VAL_INT:
    case VAL_DATE:
        out.integer = v.i;
        break;
    case VAL_BOOL:
        out.integer = v.b;
        break;
    case VAL_DOUBLE:
        out.number = v.d;
        break;
    case VAL_STRING:
    case VAL_OBJECT:
    case VAL_ARRAY:
    case VAL_BINARY:
    case VAL_VECTOR:
        out.data = v.p;
        out.size = v.n;
        break;
    case VAL_MISSING:
    case VAL_NULL:
        break;
    }
    return out;
}

// System fields live in the row's header and are made anew, in the session's memory.
static nacre_status field_of(struct nacre_session *s, const nacre_doc *held,
                             const struct path *path, struct val *out) {
    struct doc doc = {.body = slice_of(held->bson, held->bson_size)};
    struct doc_sys sys;
    struct row row;
    uint8_t *scratch = arena_alloc(&s->ctx.arena, 64);
    if (!scratch) return err_nomem(&s->ctx);
    doc.footer = slice_of(held->held[DOC_FOOTER], to_size(held->held[DOC_FOOTER_SIZE]));
    if (path->count && name_is_system(path->parts[0].name)) {
        TRY(row_of(s, held, &row));
        row_doc(&row, (int64_t)engine_now_ms(s->db->engine), &sys, &doc);
    }
    *out = doc_get(&doc, path, scratch);
    return NACRE_OK;
}

nacre_status nacre_doc_field(nacre_session *s, const nacre_doc *doc, const char *path,
                             nacre_value *out) {
    struct path parsed;
    struct val v;
    TRY(lib_begin(s));
    TRY(check_doc(s, doc));
    if (!path) return lib_null(s, "path", "a path as in \"a.b\"");
    if (!out) return lib_null(s, "out", "where the value goes");
    nacre_status status = path_parse(&s->ctx, slice_str(path), &parsed);
    if (status != NACRE_OK) {
        err_parameter(&s->ctx, "path");
        return status;
    }
    TRY(lib_done(s, field_of(s, doc, &parsed, &v)));
    *out = value_of(v);
    return NACRE_OK;
}
