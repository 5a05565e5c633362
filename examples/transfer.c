/* Money moved between accounts by several threads at once: each transfer is a transaction, and one
 * that met another begins again. At the end the sum is what it was.
 *   transfer DIR
 */
#include <nacre/nacre.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ACCOUNTS = 10, TELLERS = 4, TRANSFERS = 100, OPENING = 1000 };

struct teller {
    pthread_t thread;
    nacre_db *db;
    unsigned number, conflicts;
    int good;
};

static nacre_status balance_of(nacre_session *s, nacre_collection *c, long id, int64_t *out) {
    nacre_doc doc;
    nacre_value v;
    nacre_status status = nacre_get(s, c, nacre_id_integer(id), &doc);
    if (status != NACRE_OK) return status;
    status = nacre_doc_field(s, &doc, "balance", &v);
    if (status == NACRE_OK) *out = v.integer;
    nacre_doc_release(&doc);
    return status;
}

static nacre_status put_balance(nacre_session *s, nacre_collection *c, long id, int64_t balance) {
    char json[64];
    int n = snprintf(json, sizeof json, "{\"_id\":%ld,\"balance\":%lld}", id, (long long)balance);
    return nacre_put(s, c, NULL, json, (size_t)n, NULL, NULL);
}

/* What happens inside the transaction. Nothing of it is seen by others before the commit. */
static nacre_status move_money(nacre_session *s, nacre_collection *c, long from, long to,
                               int64_t amount) {
    int64_t a, b;
    nacre_status status = balance_of(s, c, from, &a);
    if (status == NACRE_OK) status = balance_of(s, c, to, &b);
    if (status != NACRE_OK || a < amount) return status; /* too little: nothing is written */
    status = put_balance(s, c, from, a - amount);
    return status == NACRE_OK ? put_balance(s, c, to, b + amount) : status;
}

/* One transfer, again and again until nobody came in between. */
static nacre_status transfer(nacre_session *s, struct teller *t, long from, long to,
                             int64_t amount) {
    nacre_collection accounts = nacre_collection_of(NULL, "accounts");
    for (;;) {
        nacre_tx_options options = {NACRE_ISOLATION_SERIALIZABLE, 0, NACRE_SYNCED};
        nacre_status status = nacre_tx_begin(s, &options);
        if (status != NACRE_OK) return status;
        status = move_money(s, &accounts, from, to, amount);
        if (status == NACRE_OK) {
            status = nacre_tx_commit(s, NULL);
        } else {
            nacre_status ignored = nacre_tx_rollback(s);
            (void)ignored;
        }
        if (status != NACRE_CONFLICT && status != NACRE_TRANSACTION_TOO_OLD) return status;
        t->conflicts++;
    }
}

static void *teller_main(void *arg) {
    struct teller *t = arg;
    nacre_session *s;
    nacre_status status = NACRE_OK;
    unsigned i, x = t->number + 1;
    if (nacre_session_open(t->db, &s) != NACRE_OK) return NULL;
    for (i = 0; i < TRANSFERS && status == NACRE_OK; i++) {
        x = x * 1103515245u + 12345u;
        long from = (long)(x >> 16) % ACCOUNTS, step = 1 + (long)(x >> 8) % (ACCOUNTS - 1);
        status = transfer(s, t, from, (from + step) % ACCOUNTS, 1 + (long)(x >> 20) % 50);
    }
    if (status != NACRE_OK) fprintf(stderr, "teller %u: %s\n", t->number, nacre_error_detail(s));
    t->good = status == NACRE_OK;
    nacre_session_close(s);
    return NULL;
}

static int run_tellers(nacre_db *db) {
    struct teller tellers[TELLERS];
    int i, good = 1;
    unsigned conflicts = 0;
    memset(tellers, 0, sizeof tellers);
    for (i = 0; i < TELLERS; i++) {
        tellers[i].db = db;
        tellers[i].number = (unsigned)i;
        if (pthread_create(&tellers[i].thread, NULL, teller_main, &tellers[i]) != 0) return 0;
    }
    for (i = 0; i < TELLERS; i++) {
        pthread_join(tellers[i].thread, NULL);
        good = good && tellers[i].good;
        conflicts += tellers[i].conflicts;
    }
    printf("%d transfers, %u of them tried again\n", TELLERS * TRANSFERS, conflicts);
    return good;
}

static int sum_is_right(nacre_session *s, nacre_collection *accounts) {
    int64_t sum = 0, balance;
    long i;
    for (i = 0; i < ACCOUNTS; i++) {
        if (balance_of(s, accounts, i, &balance) != NACRE_OK) return 0;
        sum += balance;
    }
    printf("%d accounts hold %lld together\n", ACCOUNTS, (long long)sum);
    return sum == ACCOUNTS * OPENING;
}

int main(int argc, char **argv) {
    nacre_options options;
    nacre_db *db;
    nacre_session *s;
    nacre_collection accounts = nacre_collection_of(NULL, "accounts");
    long i;
    int good = 1;
    memset(&options, 0, sizeof options);
    options.create = 1;
    if (argc != 2 || nacre_open(argv[1], &options, &db) != NACRE_OK) return 1;
    if (nacre_session_open(db, &s) != NACRE_OK) return 1;
    for (i = 0; i < ACCOUNTS && good; i++)
        good = put_balance(s, &accounts, i, OPENING) == NACRE_OK;
    good = good && run_tellers(db) && sum_is_right(s, &accounts);
    nacre_session_close(s);
    return nacre_close(db, NULL) == NACRE_OK && good ? 0 : 1;
}
