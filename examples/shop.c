/* A shop: users with money, goods in stock, events; four sellers and a reader of the orders' feed,
 * killed twice with SIGKILL while they work. Then the books must balance, now and as of an earlier
 * time, and the feed must have told every order once.
 *   shop DIR [DOCUMENTS]      DOCUMENTS: 20,000 unless given, at most 10,000,000
 */
#include <nacre/nacre.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SELLERS = 4, ROUNDS = 2, ORDERS_A_ROUND = 300, OPENING = 100000, LEFT = 1000 };

struct shop {
    const char *dir;
    char seen[512]; /* what the feed told: a line "SEQ ID" per order */
    long users, items, events;
    nacre_db *db;
};

static int fail(const char *what, nacre_session *s) {
    fprintf(stderr, "%s: %s\n", what, s ? nacre_error_detail(s) : "");
    return 0;
}

static int open_shop(struct shop *shop, nacre_session **s) {
    nacre_open_error error = {NACRE_OK, "", ""};
    nacre_options options;
    memset(&options, 0, sizeof options);
    options.create = 1;
    options.error = &error;
    if (nacre_open(shop->dir, &options, &shop->db) != NACRE_OK) {
        fprintf(stderr, "%s\n%s\n", error.detail, error.hint);
        return 0;
    }
    return nacre_session_open(shop->db, s) == NACRE_OK;
}

static int close_shop(struct shop *shop, nacre_session *s) {
    nacre_session_close(s);
    return nacre_close(shop->db, NULL) == NACRE_OK;
}

/* ---- the goods --------------------------------------------------------------------------- */

struct source { /* lines that are made while they are read */
    long next, end;
    int (*line)(long number, char *out, size_t size);
    char text[256];
    size_t at, size;
};

static int user_line(long n, char *out, size_t size) {
    static const char *const cities[] = {"Ghent", "Lyon", "Porto", "Turin", "Uppsala"};
    return snprintf(out, size, "{\"_id\":%ld,\"city\":\"%s\",\"balance\":%d}\n", n, cities[n % 5],
                    OPENING);
}

static int item_line(long n, char *out, size_t size) {
    static const char *const kinds[] = {"book", "lamp", "chair", "game"};
    return snprintf(out, size, "{\"_id\":%ld,\"kind\":\"%s\",\"price\":%ld,\"left\":%d}\n", n,
                    kinds[n % 4], 1 + n * 7919 % 500, LEFT);
}

static int event_line(long n, char *out, size_t size) {
    static const char *const kinds[] = {"view", "view", "view", "search", "cart"};
    return snprintf(out, size, "{\"_id\":%ld,\"event\":\"%s\",\"user\":%ld,\"item\":%ld}\n", n,
                    kinds[n * 31 % 5], n * 7 % 997, n * 13 % 991);
}

static long read_lines(void *arg, void *buffer, size_t size) {
    struct source *source = arg;
    if (source->at == source->size) {
        if (source->next == source->end) return 0;
        source->size = (size_t)source->line(source->next++, source->text, sizeof source->text);
        source->at = 0;
    }
    if (size > source->size - source->at) size = source->size - source->at;
    memcpy(buffer, source->text + source->at, size);
    source->at += size;
    return (long)size;
}

/* The last write's token stays in result. */
static int fill(nacre_session *s, const char *name, const char *settings, long count,
                int (*line)(long, char *, size_t), nacre_import_result *result) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    struct source source;
    memset(&source, 0, sizeof source);
    source.end = count;
    source.line = line;
    if (nacre_collection_create(s, &collection, settings, NULL) != NACRE_OK) return fail(name, s);
    if (nacre_import(s, &collection, read_lines, &source, NULL, result) != NACRE_OK)
        return fail(name, s);
    printf("%-7s %8llu documents\n", name, (unsigned long long)result->documents);
    return 1;
}

static int make_shop(struct shop *shop) {
    static const char kept[] = "{\"history_seconds\":86400}";
    static const char orders[] = "{\"history_seconds\":86400,\"indexes\":["
                                 "{\"name\":\"by_user\",\"fields\":[\"user\"]}]}";
    nacre_import_result result;
    nacre_collection collection = nacre_collection_of(NULL, "orders");
    nacre_session *s;
    FILE *seen = fopen(shop->seen, "w");
    if (!seen) return fail(shop->seen, NULL);
    if (!open_shop(shop, &s) || !fill(s, "users", kept, shop->users, user_line, &result) ||
        !fill(s, "stock", kept, shop->items, item_line, &result) ||
        !fill(s, "events", NULL, shop->events, event_line, &result))
        return 0;
    if (nacre_collection_create(s, &collection, orders, NULL) != NACRE_OK) return fail("orders", s);
    fprintf(seen, "%s start\n", result.sequence); /* where the feed of orders begins */
    return fclose(seen) == 0 && close_shop(shop, s);
}

/* ---- selling ----------------------------------------------------------------------------- */

struct seller {
    pthread_t thread;
    struct shop *shop;
    unsigned number, random;
};

static long pick(struct seller *seller, long below) {
    seller->random = seller->random * 1103515245u + 12345u;
    return (long)(seller->random >> 8) % below;
}

static nacre_status number_of(nacre_session *s, const char *name, long id, const char *path,
                              int64_t *out) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    nacre_doc doc;
    nacre_value v;
    nacre_status status = nacre_get(s, &collection, nacre_id_integer(id), &doc);
    if (status != NACRE_OK) return status;
    status = nacre_doc_field(s, &doc, path, &v);
    if (status == NACRE_OK) *out = v.integer;
    nacre_doc_release(&doc);
    return status;
}

static nacre_status add_to(nacre_session *s, const char *name, long id, const char *path,
                           int64_t amount) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    char patch[96];
    int n = snprintf(patch, sizeof patch, "{\"$inc\":{\"%s\":%lld}}", path, (long long)amount);
    return nacre_patch(s, &collection, nacre_id_integer(id), NACRE_PATCH, patch, (size_t)n, NULL,
                       NULL);
}

static nacre_status sell_one(nacre_session *s, long user, long item) {
    nacre_collection orders = nacre_collection_of(NULL, "orders");
    int64_t balance = 0, left = 0, price = 0;
    char order[128];
    nacre_status status = number_of(s, "users", user, "balance", &balance);
    if (status == NACRE_OK) status = number_of(s, "stock", item, "left", &left);
    if (status == NACRE_OK) status = number_of(s, "stock", item, "price", &price);
    if (status != NACRE_OK || balance < price || left == 0) return status;
    status = add_to(s, "users", user, "balance", -price);
    if (status == NACRE_OK) status = add_to(s, "stock", item, "left", -1);
    int n = snprintf(order, sizeof order, "{\"user\":%ld,\"item\":%ld,\"price\":%lld}", user, item,
                     (long long)price);
    if (status == NACRE_OK) status = nacre_put(s, &orders, NULL, order, (size_t)n, NULL, NULL);
    return status;
}

static nacre_status give(nacre_session *s, long from, long to, int64_t amount) {
    int64_t balance = 0;
    nacre_status status = number_of(s, "users", from, "balance", &balance);
    if (status != NACRE_OK || balance < amount || from == to) return status;
    status = add_to(s, "users", from, "balance", -amount);
    return status == NACRE_OK ? add_to(s, "users", to, "balance", amount) : status;
}

/* One transaction. What met another begins again with the next. */
static int trade(nacre_session *s, struct seller *seller) {
    nacre_tx_options options = {NACRE_ISOLATION_SERIALIZABLE, 0, NACRE_SYNCED};
    long user = pick(seller, seller->shop->users), other = pick(seller, seller->shop->users);
    nacre_status status = nacre_tx_begin(s, &options);
    if (status != NACRE_OK) return fail("begin", s);
    status = pick(seller, 4) ? sell_one(s, user, pick(seller, seller->shop->items))
                             : give(s, user, other, 1 + pick(seller, 100));
    if (status == NACRE_OK) status = nacre_tx_commit(s, NULL);
    if (status == NACRE_OK) return 1;
    int again = nacre_error_status(s) == NACRE_CONFLICT;
    if (!again) fail("trade", s);
    if (nacre_tx_rollback(s) != NACRE_OK && !again) return 0;
    return again;
}

static void *seller_main(void *arg) {
    struct seller *seller = arg;
    nacre_session *s;
    if (nacre_session_open(seller->shop->db, &s) != NACRE_OK) return NULL;
    while (trade(s, seller)) {
    }
    _exit(1); /* whoever kills it will see */
}

/* ---- the feed ---------------------------------------------------------------------------- */

/* Cuts off a line that the kill cut. *count: whole lines; token: of the last. */
static int last_token(const char *path, char *token, size_t size, long *count) {
    char line[256];
    long whole = 0;
    FILE *file = fopen(path, "r");
    if (!file) return fail(path, NULL);
    for (*count = 0; fgets(line, sizeof line, file) && strchr(line, '\n'); ++*count) {
        whole = ftell(file);
        snprintf(token, size, "%.*s", (int)strcspn(line, " "), line);
    }
    fclose(file);
    return truncate(path, whole) == 0;
}

/* Of {"seq":"…","op":"…","id":"…": the text after name, to the next quote. */
static const char *member(const char *json, const char *name, int *size) {
    const char *at = strstr(json, name);
    if (!at) return NULL;
    at += strlen(name);
    *size = (int)strcspn(at, "\"");
    return at;
}

/* Goes on where the file ends, so that a change is in it once, whenever this is killed. */
static int note_orders(struct shop *shop, nacre_session *s, int follow) {
    nacre_collection orders = nacre_collection_of(NULL, "orders");
    nacre_feed *feed;
    const char *change;
    char token[128], spec[192];
    long count;
    if (!last_token(shop->seen, token, sizeof token, &count)) return 0;
    snprintf(spec, sizeof spec, "{\"since\":\"%s\",\"follow\":%s}", token,
             follow ? "true" : "false");
    if (nacre_changes(s, &orders, spec, &feed) != NACRE_OK) return fail("changes", s);
    FILE *file = fopen(shop->seen, "a");
    if (!file) return fail(shop->seen, NULL);
    while (nacre_feed_next(feed, -1, &change, NULL) == NACRE_OK && change) {
        int n = 0, m = 0;
        const char *seq = member(change, "\"seq\":\"", &n), *id = member(change, "\"id\":\"", &m);
        if (!seq || !id) return fail(change, NULL);
        fprintf(file, "%.*s %.*s\n", n, seq, m, id);
        fflush(file);
    }
    nacre_feed_close(feed);
    return fclose(file) == 0;
}

/* ---- a process that works until it is killed ---------------------------------------------- */

static void work(struct shop *shop) {
    struct seller sellers[SELLERS];
    nacre_session *s;
    unsigned i;
    memset(sellers, 0, sizeof sellers);
    if (!open_shop(shop, &s)) return;
    for (i = 0; i < SELLERS; i++) {
        sellers[i].shop = shop;
        sellers[i].random = (unsigned)getpid() * SELLERS + i;
        if (pthread_create(&sellers[i].thread, NULL, seller_main, &sellers[i]) != 0) return;
    }
    note_orders(shop, s, 1); /* does not return */
}

static int kill_at_work(struct shop *shop, int round) {
    char token[128];
    long before = 0, now = 0;
    struct timespec pause = {0, 20000000};
    int status = 0;
    if (!last_token(shop->seen, token, sizeof token, &before)) return 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        work(shop);
        _exit(1);
    }
    while (pid > 0 && now < before + ORDERS_A_ROUND && waitpid(pid, &status, WNOHANG) == 0) {
        FILE *file = fopen(shop->seen, "r");
        int c;
        for (now = 0; file && (c = fgetc(file)) != EOF;)
            now += c == '\n';
        if (file) fclose(file);
        nanosleep(&pause, NULL);
    }
    if (pid < 0 || now < before + ORDERS_A_ROUND) return fail("the sellers have stopped", NULL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    printf("round %d: killed after %ld orders\n", round, now - before);
    return 1;
}

/* ---- the books --------------------------------------------------------------------------- */

struct books {
    long long money, paid, left, orders;
};

static int sum_of(nacre_session *s, const char *name, const char *what, const char *as_of,
                  long long *out) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    char spec[192];
    const char *row = NULL;
    nacre_cursor *cursor;
    snprintf(spec, sizeof spec, "{\"aggregates\":{\"n\":%s}%s%s%s}", what,
             as_of ? ",\"as_of\":\"" : "", as_of ? as_of : "", as_of ? "\"" : "");
    if (nacre_aggregate(s, &collection, spec, &cursor) != NACRE_OK) return fail(name, s);
    if (nacre_cursor_next(cursor, &row, NULL) != NACRE_OK || !row) return fail(name, s);
    const char *n = strstr(row, "\"n\":");
    *out = n ? strtoll(n + 4, NULL, 10) : -1;
    nacre_cursor_close(cursor);
    return 1;
}

static int read_books(nacre_session *s, const char *as_of, struct books *out) {
    return sum_of(s, "users", "{\"sum\":\"balance\"}", as_of, &out->money) &&
           sum_of(s, "orders", "{\"sum\":\"price\"}", as_of, &out->paid) &&
           sum_of(s, "stock", "{\"sum\":\"left\"}", as_of, &out->left) &&
           sum_of(s, "orders", "{\"count\":\"*\"}", as_of, &out->orders);
}

static int balance_books(const struct shop *shop, const char *when, const struct books *b) {
    int good = b->money + b->paid == (long long)shop->users * OPENING &&
               b->left + b->orders == (long long)shop->items * LEFT && b->orders > 0;
    printf("%s: users hold %lld and paid %lld; %lld pieces in stock, %lld sold: %s\n", when,
           b->money, b->paid, b->left, b->orders, good ? "the books balance" : "WRONG");
    return good;
}

static void now_text(char *out, size_t size) {
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

static int audit(struct shop *shop, const char *when, char *time, size_t size, struct books *out) {
    nacre_session *s;
    struct timespec pause = {0, 2000000}; /* what comes later is of a later millisecond */
    if (!open_shop(shop, &s) || !note_orders(shop, s, 0) || !read_books(s, NULL, out)) return 0;
    now_text(time, size);
    nanosleep(&pause, NULL);
    return balance_books(shop, when, out) && close_shop(shop, s);
}

static int compare(const void *a, const void *b) { return strcmp(a, b); }

/* Every order is in the file, and once. */
static int check_seen(struct shop *shop, nacre_session *s, long long orders) {
    nacre_collection collection = nacre_collection_of(NULL, "orders");
    char token[128], line[256], (*ids)[64];
    long n = 0, i, lines;
    long long found = 0;
    if (!last_token(shop->seen, token, sizeof token, &lines)) return 0;
    ids = calloc((size_t)lines, sizeof *ids);
    FILE *file = fopen(shop->seen, "r");
    while (file && ids && n < lines && fgets(line, sizeof line, file))
        snprintf(ids[n++], sizeof *ids, "%.63s", strchr(line, ' ') + 1);
    if (file) fclose(file);
    qsort(ids, (size_t)n, sizeof *ids, compare);
    for (i = 0; i < n; i++) {
        int there = 0;
        nacre_id id;
        ids[i][strcspn(ids[i], "\n")] = '\0';
        if ((i == 0 || strcmp(ids[i], ids[i - 1]) != 0) &&
            nacre_id_parse(s, ids[i], &id) == NACRE_OK &&
            nacre_exists(s, &collection, id, &there) == NACRE_OK)
            found += there;
    }
    free(ids);
    printf("the feed told %ld orders, %lld of the %lld there are\n", lines - 1, found, orders);
    return found == orders && lines - 1 == orders;
}

static int report(nacre_session *s, const char *name, const char *spec) {
    nacre_collection collection = nacre_collection_of(NULL, name);
    nacre_cursor *cursor;
    const char *row = "";
    if (nacre_aggregate(s, &collection, spec, &cursor) != NACRE_OK) return fail(name, s);
    while (nacre_cursor_next(cursor, &row, NULL) == NACRE_OK && row)
        printf("  %s\n", row);
    nacre_cursor_close(cursor);
    return row == NULL;
}

static int look_back(struct shop *shop, const char *time, const struct books *then,
                     const struct books *now) {
    struct books past;
    nacre_session *s;
    if (!open_shop(shop, &s) || !read_books(s, time, &past)) return 0;
    int good = balance_books(shop, time, &past) && memcmp(&past, then, sizeof past) == 0 &&
               check_seen(shop, s, now->orders) &&
               report(s, "users",
                      "{\"group_by\":[\"city\"],\"aggregates\":{\"users\":{\"count\":\"*\"},"
                      "\"money\":{\"sum\":\"balance\"}},\"sort\":[\"-money\"]}") &&
               report(s, "events",
                      "{\"group_by\":[\"event\"],\"aggregates\":{\"events\":{\"count\":\"*\"},"
                      "\"users\":{\"count_distinct\":\"user\"}},\"sort\":[\"-events\"]}");
    return close_shop(shop, s) && good;
}

int main(int argc, char **argv) {
    struct shop shop;
    struct books books[ROUNDS];
    char times[ROUNDS][32];
    long documents = argc == 3 ? strtol(argv[2], NULL, 10) : 20000;
    int i, good;
    if (argc < 2 || argc > 3 || documents < 100 || documents > 10000000) {
        fprintf(stderr, "usage: shop DIR [DOCUMENTS]\n");
        return 2;
    }
    memset(&shop, 0, sizeof shop);
    shop.dir = argv[1];
    shop.users = documents / 20;
    shop.items = documents / 20;
    shop.events = documents - shop.users - shop.items;
    snprintf(shop.seen, sizeof shop.seen, "%s.orders", argv[1]);
    good = make_shop(&shop);
    for (i = 0; i < ROUNDS && good; i++)
        good = kill_at_work(&shop, i + 1) && audit(&shop, "now", times[i], 32, &books[i]);
    good = good && look_back(&shop, times[0], &books[0], &books[ROUNDS - 1]);
    if (!good) fprintf(stderr, "the shop is not in order\n");
    return good ? 0 : 1;
}
