// Names and ids as callers give them.
#include "lib/lib.h"

nacre_status lib_database(struct nacre_session *s, const char *name, struct slice *out) {
    struct slice given = name ? slice_str(name) : SLICE_LIT("main");
    nacre_status status = name_check(&s->ctx, "database", given);
    if (status != NACRE_OK) {
        err_parameter(&s->ctx, "database");
        return status;
    }
    *out = given;
    return NACRE_OK;
}

static nacre_status check_collection(struct nacre_session *s, const struct nacre_collection *c) {
    struct slice database;
    if (!c) return lib_null(s, "collection", "what nacre_collection_of gives");
    if (!c->name) return lib_null(s, "collection->name", "the name of a collection");
    TRY(lib_database(s, c->database, &database));
    nacre_status status = name_check(&s->ctx, "collection", slice_str(c->name));
    if (status != NACRE_OK) err_parameter(&s->ctx, "collection");
    return status;
}

nacre_status lib_handle_slow(struct nacre_session *s, struct nacre_collection *c) {
    TRY(check_collection(s, c));
    memset(c->held, 0, sizeof c->held);
    uint64_t database = c->database ? strlen(c->database) : 0, name = strlen(c->name);
    c->held[HELD_NAME_SIZES] = database << 32 | name; // both are short: they are names
    c->held[HELD_DATABASE] = (uint64_t)(uintptr_t)c->database;
    c->held[HELD_NAME] = (uint64_t)(uintptr_t)c->name;
    c->held[HELD_SERIAL] = s->db->serial;
    return NACRE_OK;
}

nacre_status lib_target(struct nacre_session *s, struct nacre_collection *c, struct target *out) {
    struct engine_collection handle;
    TRY(lib_handle(s, c, &handle));
    *out = handle.target;
    return NACRE_OK;
}

nacre_collection nacre_collection_of(const char *database, const char *name) {
    return (nacre_collection){.database = database, .name = name};
}

nacre_id nacre_id_string(const char *text) {
    return (nacre_id){.text = text ? text : "", .size = text ? strlen(text) : 0};
}

nacre_id nacre_id_integer(int64_t integer) { return (nacre_id){.integer = integer}; }

nacre_status nacre_id_parse(nacre_session *s, const char *text, nacre_id *out) {
    struct val id;
    TRY(lib_begin(s));
    if (!text) return lib_null(s, "text", "an id in its written form");
    if (!out) return lib_null(s, "out", "where the id goes");
    TRY(id_parse(&s->ctx, slice_str(text), &id));
    if (id.type == VAL_INT)
        *out = nacre_id_integer(id.i);
    else
        *out = (nacre_id){.text = (const char *)id.p, .size = id.n};
    return NACRE_OK;
}
