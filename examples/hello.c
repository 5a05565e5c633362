/* Opens a database, writes a document, reads it, finds it by a field.
 *   hello DIR
 */
#include <nacre/nacre.h>
#include <stdio.h>
#include <string.h>

/* What went wrong in the session's last call, in words. Returns 1, for main. */
static int failed(nacre_session *s, const char *what) {
    fprintf(stderr, "%s: %s (%s)\n", what, nacre_error_detail(s),
            nacre_status_code(nacre_error_status(s)));
    return 1;
}

static int use(nacre_session *s) {
    /* NULL is the database "main". The collection is made by the first write. */
    nacre_collection films = nacre_collection_of(NULL, "films");
    const char *json = "{\"title\": \"Metropolis\", \"year\": 1927, \"genres\": [\"Drama\"]}";
    nacre_id id = nacre_id_string("metropolis");
    nacre_result result;
    nacre_doc doc;
    nacre_value year;
    nacre_cursor *cursor;
    const char *row;

    if (nacre_put(s, &films, &id, json, strlen(json), NULL, &result) != NACRE_OK)
        return failed(s, "put");
    printf("stored %s as version %llu\n", result.id, (unsigned long long)result.version);

    /* A document is held in memory without a copy until it is released. */
    if (nacre_get(s, &films, id, &doc) != NACRE_OK) return failed(s, "get");
    if (nacre_doc_field(s, &doc, "year", &year) != NACRE_OK) return failed(s, "field");
    printf("its year is %lld\n", (long long)year.integer);
    nacre_doc_release(&doc);

    /* Filters are JSON or text. */
    if (nacre_query(s, &films, "{\"filter\": \"year < 1930 AND genres CONTAINS 'Drama'\"}",
                    &cursor) != NACRE_OK)
        return failed(s, "query");
    do {
        if (nacre_cursor_next(cursor, &row, NULL) != NACRE_OK) return failed(s, "query");
        if (row) printf("found %s\n", row);
    } while (row);
    nacre_cursor_close(cursor);
    return 0;
}

int main(int argc, char **argv) {
    nacre_open_error error = {NACRE_OK, "", ""};
    nacre_options options;
    nacre_db *db;
    nacre_session *session;
    int code;
    memset(&options, 0, sizeof options);
    options.create = 1;
    options.error = &error;
    if (argc != 2) {
        fprintf(stderr, "usage: hello DIR\n");
        return 2;
    }
    if (nacre_open(argv[1], &options, &db) != NACRE_OK) {
        fprintf(stderr, "%s\n%s\n", error.detail, error.hint);
        return 1;
    }
    code = 1;
    if (nacre_session_open(db, &session) == NACRE_OK) { /* one session per thread */
        code = use(session);
        nacre_session_close(session);
    }
    if (nacre_close(db, &error) != NACRE_OK) {
        fprintf(stderr, "%s\n", error.detail);
        code = 1;
    }
    return code;
}
