#include "support/contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char body_text[1 << 16], ids_text[1 << 16], filter_text[1 << 14];

static nacre_id id_of(struct lib_fixture *f, const char *text) {
    nacre_id id;
    LIB_OK(f, nacre_id_parse(f->s, text, &id));
    return id;
}

static nacre_write with_document(const nacre_write *options) {
    nacre_write out = options ? *options : (nacre_write){.durability = NACRE_MEMORY};
    out.want_document = 1;
    return out;
}

nacre_status contract_put(struct lib_fixture *f, const char *id, const char *json,
                          const nacre_write *options, nacre_result *out) {
    nacre_write w = with_document(options);
    nacre_id given = id_of(f, id);
    return nacre_put(f->s, &f->c, &given, json, strlen(json), &w, out);
}

nacre_status contract_patch(struct lib_fixture *f, const char *id, nacre_patch_kind kind,
                            const char *json, const nacre_write *options, nacre_result *out) {
    nacre_write w = with_document(options);
    return nacre_patch(f->s, &f->c, id_of(f, id), kind, json, strlen(json), &w, out);
}

nacre_status contract_delete(struct lib_fixture *f, const char *id, const nacre_write *options) {
    return nacre_delete(f->s, &f->c, id_of(f, id), options, NULL);
}

static bool read_doc(struct lib_fixture *f, const char *id, nacre_doc *out) {
    *out = (nacre_doc){0};
    nacre_status status = nacre_get(f->s, &f->c, id_of(f, id), out);
    if (status == NACRE_DOCUMENT_NOT_FOUND) return false;
    LIB_OK(f, status);
    return true;
}

const char *contract_body(struct lib_fixture *f, const char *id) {
    nacre_doc doc;
    const char *json, *end;
    if (!read_doc(f, id, &doc)) return "";
    LIB_OK(f, nacre_doc_json(f->s, &doc, NULL, &json, NULL));
    end = strstr(json, ",\"_version\":");
    assert_non_null(end);
    for (const char *next; (next = strstr(end + 1, ",\"_version\":"));) // one may be in the body
        end = next;
    snprintf(body_text, sizeof body_text, "%.*s}", (int)(end - json), json);
    nacre_doc_release(&doc);
    return body_text;
}

uint64_t contract_version(struct lib_fixture *f, const char *id) {
    nacre_doc doc;
    if (!read_doc(f, id, &doc)) return 0;
    uint64_t version = doc.version;
    nacre_doc_release(&doc);
    return version;
}

// {"_id":1,…} to "1 ", {"_id":"a",…} to "a ".
static size_t put_id(size_t at, const char *row) {
    const char *from = strchr(row, ':') + 1, *end = from;
    if (*from == '"') end = strchr(++from, '"');
    while (*end && *end != ',' && *end != '}' && *end != '"')
        end++;
    return at +
           (size_t)snprintf(ids_text + at, sizeof ids_text - at, "%.*s ", (int)(end - from), from);
}

const char *contract_ids(struct lib_fixture *f, const char *spec) {
    size_t at = 0;
    const char *row = lib_fixture_rows(f, spec);
    ids_text[0] = '\0';
    for (; *row; row = strchr(row, '\n') + 1)
        at = put_id(at, row);
    return ids_text;
}

static const char *filter_spec(const char *filter) {
    size_t n = 0;
    if (filter[0] == '{') {
        snprintf(filter_text, sizeof filter_text, "{\"filter\":%s,\"fields\":[]}", filter);
        return filter_text;
    }
    n += (size_t)snprintf(filter_text, sizeof filter_text, "{\"fields\":[],\"filter\":\"");
    for (; *filter; filter++) {
        if (*filter == '"' || *filter == '\\') filter_text[n++] = '\\';
        filter_text[n++] = *filter;
    }
    snprintf(filter_text + n, sizeof filter_text - n, "\"}");
    return filter_text;
}

const char *contract_matches(struct lib_fixture *f, const char *filter) {
    return contract_ids(f, filter_spec(filter));
}

nacre_status contract_query(struct lib_fixture *f, const char *spec) {
    nacre_cursor *cursor;
    const char *row = "";
    nacre_status status = nacre_query(f->s, &f->c, spec, &cursor);
    if (status != NACRE_OK) return status;
    while (status == NACRE_OK && row)
        status = nacre_cursor_next(cursor, &row, NULL);
    nacre_cursor_close(cursor);
    return status;
}

nacre_status contract_claim(struct lib_fixture *f, const char *spec, char *token) {
    const char *out, *at;
    nacre_write memory = {.durability = NACRE_MEMORY};
    token[0] = '\0';
    nacre_status status = nacre_claim(f->s, &f->c, spec, &memory, &out, NULL);
    if (status != NACRE_OK || !out) return status;
    at = strstr(out, "\"_lease\":{\"token\":\"");
    assert_non_null(at);
    snprintf(token, 32, "%.22s", at + 19);
    return status;
}

void contract_index(struct lib_fixture *f, const char *name, const char *json) {
    LIB_OK(f, nacre_index_create(f->s, &f->c, name, json, NULL));
    LIB_OK(f, nacre_index_wait(f->s, &f->c, name));
}

void contract_await(struct lib_fixture *f, const char *id, const char *body) {
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (int i = 0; i < 5000 && strcmp(contract_body(f, id), body) != 0; i++)
        nanosleep(&pause, NULL);
    assert_string_equal(contract_body(f, id), body);
}
