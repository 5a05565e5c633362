/* Imports a file of NDJSON (plain or zstd-compressed) and tells how far it is.
 *   import DIR FILE COLLECTION
 */
#include <nacre/nacre.h>
#include <stdio.h>
#include <string.h>

static long read_file(void *arg, void *buffer, size_t size) {
    FILE *file = arg;
    size_t n = fread(buffer, 1, size, file);
    return ferror(file) ? -1 : (long)n;
}

static int show_progress(void *arg, const nacre_progress *progress) {
    (void)arg;
    fprintf(stderr, "\r%llu documents", (unsigned long long)progress->documents);
    return 0; /* anything else would stop the import where it is */
}

static void show_refused(void *arg, uint64_t line, const char *problem) {
    (void)arg;
    fprintf(stderr, "\nline %llu: %s\n", (unsigned long long)line, problem);
}

static int import(nacre_session *s, FILE *file, const char *name) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    nacre_import_options options;
    nacre_import_result result;
    nacre_status status;
    uint64_t count;
    memset(&options, 0, sizeof options);
    options.skip_errors = 1;
    options.on_progress = show_progress;
    options.on_line_error = show_refused;
    status = nacre_import(s, &collection, read_file, file, &options, &result);
    fprintf(stderr, "\n");
    /* Whatever the status, the lines before result.lines are stored for good. */
    printf("%llu documents stored, %llu lines refused\n", (unsigned long long)result.documents,
           (unsigned long long)result.failed);
    if (status != NACRE_OK) {
        fprintf(stderr, "stopped after line %llu: %s\n", (unsigned long long)result.lines,
                nacre_error_detail(s));
        return 1;
    }
    if (nacre_count(s, &collection, NULL, &count) != NACRE_OK) return 1;
    printf("%s has %llu documents\n", name, (unsigned long long)count);
    return 0;
}

static int run(nacre_db *db, FILE *file, const char *name) {
    nacre_session *s;
    int code;
    if (nacre_session_open(db, &s) != NACRE_OK) return 1;
    code = import(s, file, name);
    nacre_session_close(s);
    return code;
}

int main(int argc, char **argv) {
    nacre_open_error error = {NACRE_OK, "", ""};
    nacre_options options;
    nacre_db *db;
    FILE *file;
    int code;
    if (argc != 4) {
        fprintf(stderr, "usage: import DIR FILE COLLECTION\n");
        return 2;
    }
    file = fopen(argv[2], "rb");
    if (!file) {
        perror(argv[2]);
        return 1;
    }
    memset(&options, 0, sizeof options);
    options.create = 1;
    options.error = &error;
    if (nacre_open(argv[1], &options, &db) != NACRE_OK) {
        fprintf(stderr, "%s\n%s\n", error.detail, error.hint);
        fclose(file);
        return 1;
    }
    code = run(db, file, argv[3]);
    fclose(file);
    if (nacre_close(db, &error) != NACRE_OK) {
        fprintf(stderr, "%s\n", error.detail);
        code = 1;
    }
    return code;
}
