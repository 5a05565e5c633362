#include "support/isolation.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- recording ------------------------------------------------------------------------------

static void *grow(void *p, uint32_t count, uint32_t *cap, size_t size) {
    if (count < *cap) return p;
    *cap = *cap ? *cap * 2 : 1024;
    void *grown = realloc(p, *cap * size);
    if (!grown) abort();
    return grown;
}

static void room(struct iso_history *h) {
    if (h->fixed) {
        if (h->txn_count < h->txn_cap && h->op_count < h->op_cap && h->value_count < h->value_cap)
            return;
        fputs("isolation: the history is full\n", stderr);
        abort();
    }
    h->txns = grow(h->txns, h->txn_count, &h->txn_cap, sizeof *h->txns);
    h->ops = grow(h->ops, h->op_count, &h->op_cap, sizeof *h->ops);
    h->values = grow(h->values, h->value_count, &h->value_cap, sizeof *h->values);
}

// A kill between the two leaves the array without its last element.
static void bump(uint32_t *count) {
    atomic_signal_fence(memory_order_seq_cst);
    ++*count;
    atomic_signal_fence(memory_order_seq_cst);
}

void iso_history_free(struct iso_history *h) {
    free(h->txns);
    free(h->ops);
    free(h->values);
    *h = (struct iso_history){0};
}

void iso_begin(struct iso_history *h, uint64_t now, bool serializable) {
    room(h);
    h->txns[h->txn_count] =
        (struct iso_txn){.begin = now, .first_op = h->op_count, .serializable = serializable};
    bump(&h->txn_count);
}

void iso_op(struct iso_history *h, enum iso_kind kind, uint32_t object, uint32_t value) {
    room(h);
    h->ops[h->op_count] =
        (struct iso_op){.kind = kind, .object = object, .value = value, .first = h->value_count};
    bump(&h->op_count);
    bump(&h->txns[h->txn_count - 1].op_count);
}

void iso_saw(struct iso_history *h, uint32_t value) {
    room(h);
    h->values[h->value_count] = value;
    bump(&h->value_count);
    bump(&h->ops[h->op_count - 1].count);
}

void iso_ask(struct iso_history *h) {
    h->txns[h->txn_count - 1].asked = true;
    atomic_signal_fence(memory_order_seq_cst);
}

void iso_end(struct iso_history *h, uint64_t now, bool committed) {
    struct iso_txn *txn = &h->txns[h->txn_count - 1];
    txn->end = now;
    txn->committed = committed;
    atomic_signal_fence(memory_order_seq_cst);
    txn->asked = false;
}

void iso_merge(struct iso_history *into, const struct iso_history *from) {
    for (uint32_t t = 0; t < from->txn_count; t++) {
        const struct iso_txn *txn = &from->txns[t];
        iso_begin(into, txn->begin, txn->serializable);
        for (uint32_t o = 0; o < txn->op_count; o++) {
            const struct iso_op *op = &from->ops[txn->first_op + o];
            iso_op(into, op->kind, op->object, op->value);
            for (uint32_t v = 0; v < op->count; v++)
                iso_saw(into, from->values[op->first + v]);
        }
        iso_end(into, txn->end, txn->committed);
        into->txns[into->txn_count - 1].asked = txn->asked;
    }
}

// --- unknown outcomes -------------------------------------------------------------------

enum { SEEN = 1, SEEN_LAST = 2, REMOVED = 4 };

static bool wrote(const struct iso_history *h, const struct iso_txn *txn, uint32_t value) {
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++)
        if ((h->ops[o].kind == ISO_APPEND || h->ops[o].kind == ISO_ADD) && h->ops[o].value == value)
            return true;
    return false;
}

static void mark_seen(const struct iso_history *h, uint32_t t, uint8_t *marks) {
    const struct iso_txn *txn = &h->txns[t];
    uint8_t mark = t + 1 == h->txn_count ? SEEN | SEEN_LAST : SEEN;
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++)
        for (uint32_t v = h->ops[o].first; v < h->ops[o].first + h->ops[o].count; v++)
            if ((marks[h->values[v]] & mark) != mark && !wrote(h, txn, h->values[v]))
                marks[h->values[v]] |= mark;
}

static void mark_removed(const struct iso_history *h, const struct iso_txn *txn, uint8_t *marks) {
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++)
        if (h->ops[o].kind == ISO_REMOVE) marks[h->ops[o].value] |= REMOVED;
}

// What others saw of each value.
static uint8_t *look_around(const struct iso_history *h) {
    uint32_t max = 0;
    for (uint32_t i = 0; i < h->op_count; i++)
        if (h->ops[i].value > max) max = h->ops[i].value;
    for (uint32_t i = 0; i < h->value_count; i++)
        if (h->values[i] > max) max = h->values[i];
    uint8_t *marks = calloc(max + 1u, 1);
    if (!marks) abort();
    for (uint32_t t = 0; t < h->txn_count; t++)
        mark_seen(h, t, marks);
    return marks;
}

static bool was_seen_by_others(const struct iso_history *h, const struct iso_txn *txn,
                               const uint8_t *marks) {
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++)
        if ((h->ops[o].kind == ISO_APPEND || h->ops[o].kind == ISO_ADD) &&
            marks[h->ops[o].value] & SEEN)
            return true;
    return false;
}

static bool removed_itself(const struct iso_history *h, const struct iso_txn *txn, uint32_t value) {
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++)
        if (h->ops[o].kind == ISO_REMOVE && h->ops[o].value == value) return true;
    return false;
}

// Gone in the end, and nobody else took it away. What a transaction added and left shows by itself,
// if it is committed: then this is no evidence.
static bool must_have_removed(const struct iso_history *h, const struct iso_txn *txn,
                              const uint8_t *marks) {
    bool removed = false;
    for (uint32_t o = txn->first_op; o < txn->first_op + txn->op_count; o++) {
        const struct iso_op *op = &h->ops[o];
        bool added = op->kind == ISO_APPEND || op->kind == ISO_ADD;
        if (added && !removed_itself(h, txn, op->value)) return false;
        removed |= op->kind == ISO_REMOVE && !wrote(h, txn, op->value) &&
                   !(marks[op->value] & (REMOVED | SEEN_LAST));
    }
    return removed;
}

uint32_t iso_settle(struct iso_history *h, uint32_t *out_committed) {
    uint8_t *marks = look_around(h);
    uint32_t unknown = 0;
    *out_committed = 0;
    for (uint32_t t = 0; t < h->txn_count; t++) {
        struct iso_txn *txn = &h->txns[t];
        if (txn->asked) txn->committed = was_seen_by_others(h, txn, marks);
        if (txn->committed) mark_removed(h, txn, marks);
    }
    for (uint32_t t = 0; t < h->txn_count; t++) {
        struct iso_txn *txn = &h->txns[t];
        if (!txn->asked) continue;
        if (!txn->committed && must_have_removed(h, txn, marks)) {
            txn->committed = true;
            mark_removed(h, txn, marks);
        }
        unknown++;
        *out_committed += txn->committed;
        txn->asked = false;
        txn->end = UINT64_MAX; // nothing began after an answer that never came
    }
    free(marks);
    return unknown;
}

const char *iso_anomaly_name(enum iso_anomaly anomaly) {
    static const char *const names[] = {
        "aborted read",          "own write not read",       "lost write",
        "forked order",          "cycle (not serializable)", "stale read",
        "cycle (not a snapshot)"};
    return names[anomaly];
}

// --- who wrote what -------------------------------------------------------------------------

enum { NOBODY = UINT32_MAX };

struct edge {
    uint32_t from, to;
};

struct edges {
    struct edge *list;
    uint32_t count, cap;
};

// What is known of a value: a number appended to a list, or a member of a group.
struct written {
    uint32_t by, removed_by; // transactions, NOBODY
    uint32_t object;
    uint32_t at; // place in its list's final order
    bool at_end; // the last transaction saw it
    bool committed;
};

struct check {
    const struct iso_history *h;
    struct iso_report *out;
    struct written *values;
    uint32_t value_max;
    // Final orders of lists and members of groups ever added, by object: runs in one array.
    uint32_t *order, *order_first, *order_count;
    uint32_t *members, *member_first, *member_count;
    uint32_t object_max;
    struct edges plain, rw, rt;
    uint32_t barriers; // nodes after the transactions
};

static void note(struct check *c, enum iso_anomaly anomaly, const char *text, uint32_t txn,
                 uint32_t value) {
    c->out->found[anomaly]++;
    if (!c->out->first[0])
        snprintf(c->out->first, sizeof c->out->first,
                 "%s: %s (transaction %" PRIu32 ", value %" PRIu32 ")", iso_anomaly_name(anomaly),
                 text, txn, value);
}

static void add_edge(struct edges *e, uint32_t from, uint32_t to) {
    if (from == to) return;
    e->list = grow(e->list, e->count, &e->cap, sizeof *e->list);
    e->list[e->count++] = (struct edge){from, to};
}

static void *zeroed(size_t count, size_t size) {
    void *p = calloc(count ? count : 1, size);
    if (!p) abort();
    return p;
}

static void measure(struct check *c) {
    const struct iso_history *h = c->h;
    for (uint32_t i = 0; i < h->op_count; i++) {
        const struct iso_op *op = &h->ops[i];
        if (op->object >= c->object_max) c->object_max = op->object + 1;
        if (op->value >= c->value_max) c->value_max = op->value + 1;
    }
    for (uint32_t i = 0; i < h->value_count; i++)
        if (h->values[i] >= c->value_max) c->value_max = h->values[i] + 1;
    c->values = zeroed(c->value_max, sizeof *c->values);
    for (uint32_t i = 0; i < c->value_max; i++)
        c->values[i].by = c->values[i].removed_by = NOBODY;
    c->order = zeroed(h->value_count, sizeof *c->order);
    c->order_first = zeroed(c->object_max, sizeof *c->order_first);
    c->order_count = zeroed(c->object_max, sizeof *c->order_count);
    c->members = zeroed(h->op_count, sizeof *c->members);
    c->member_first = zeroed(c->object_max + 1, sizeof *c->member_first);
    c->member_count = zeroed(c->object_max, sizeof *c->member_count);
}

static void find_writers(struct check *c) {
    const struct iso_history *h = c->h;
    for (uint32_t t = 0; t < h->txn_count; t++) {
        const struct iso_txn *txn = &h->txns[t];
        for (uint32_t i = 0; i < txn->op_count; i++) {
            const struct iso_op *op = &h->ops[txn->first_op + i];
            struct written *w = &c->values[op->value];
            if (op->kind == ISO_REMOVE && txn->committed) w->removed_by = t;
            if (op->kind == ISO_ADD && txn->committed) c->member_count[op->object]++;
            if (op->kind != ISO_APPEND && op->kind != ISO_ADD) continue;
            w->by = t;
            w->object = op->object;
            w->committed = txn->committed;
        }
    }
}

static void list_members(struct check *c) {
    const struct iso_history *h = c->h;
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->object_max; i++) {
        c->member_first[i] = at;
        at += c->member_count[i];
        c->member_count[i] = 0;
    }
    for (uint32_t i = 0; i < h->op_count; i++) {
        const struct iso_op *op = &h->ops[i];
        if (op->kind == ISO_ADD && c->values[op->value].committed)
            c->members[c->member_first[op->object] + c->member_count[op->object]++] = op->value;
    }
}

// The last transaction's reads are the end of every object.
static void take_end(struct check *c) {
    const struct iso_history *h = c->h;
    const struct iso_txn *last = &h->txns[h->txn_count - 1];
    uint32_t at = 0;
    for (uint32_t i = 0; i < last->op_count; i++) {
        const struct iso_op *op = &h->ops[last->first_op + i];
        if (op->kind == ISO_READ) {
            c->order_first[op->object] = at;
            c->order_count[op->object] = op->count;
        }
        for (uint32_t v = 0; v < op->count; v++) {
            struct written *w = &c->values[h->values[op->first + v]];
            w->at_end = true;
            w->at = v;
            if (op->kind == ISO_READ) c->order[at++] = h->values[op->first + v];
        }
    }
    for (uint32_t v = 0; v < c->value_max; v++) {
        const struct written *w = &c->values[v];
        bool gone = w->removed_by != NOBODY;
        if (w->by != NOBODY && w->committed && !w->at_end && !gone)
            note(c, ISO_LOST_WRITE, "it was committed and is not there", w->by, v);
    }
}

// --- dependencies ---------------------------------------------------------------------------

static void order_edges(struct check *c) {
    for (uint32_t o = 0; o < c->object_max; o++)
        for (uint32_t i = 1; i < c->order_count[o]; i++) {
            const uint32_t *order = c->order + c->order_first[o];
            uint32_t a = c->values[order[i - 1]].by, b = c->values[order[i]].by;
            if (a != NOBODY && b != NOBODY) add_edge(&c->plain, a, b);
        }
}

static bool saw_aborted(struct check *c, uint32_t t, uint32_t value) {
    const struct written *w = &c->values[value];
    if (w->by != NOBODY && (w->committed || w->by == t)) return false;
    note(c, ISO_ABORTED_READ, "it was read and never committed", t, value);
    return true;
}

// How many of a read's values at its end are the transaction's own so far; they must be all of
// them.
static uint32_t own_tail(struct check *c, uint32_t t, uint32_t op_at) {
    const struct iso_history *h = c->h;
    const struct iso_op *read = &h->ops[op_at];
    uint32_t own = 0, tail = 0;
    for (uint32_t i = h->txns[t].first_op; i < op_at; i++)
        own += h->ops[i].kind == ISO_APPEND && h->ops[i].object == read->object;
    while (tail < read->count && c->values[h->values[read->first + read->count - 1 - tail]].by == t)
        tail++;
    if (own != tail) note(c, ISO_OWN_WRITE, "the end of a list is not its own", t, 0);
    return tail;
}

static void read_edges(struct check *c, uint32_t t, uint32_t op_at) {
    const struct iso_op *op = &c->h->ops[op_at];
    const uint32_t *seen = c->h->values + op->first;
    const uint32_t *order = c->order + c->order_first[op->object];
    uint32_t n = op->count - own_tail(c, t, op_at), final = c->order_count[op->object];
    for (uint32_t i = 0; i < n; i++) {
        if (saw_aborted(c, t, seen[i])) return;
        if (i < final && order[i] == seen[i]) continue;
        note(c, ISO_FORKED_ORDER, "a list was read that is no beginning of what it became", t,
             seen[i]);
        return;
    }
    if (n) add_edge(&c->plain, c->values[seen[n - 1]].by, t);
    // Its own appends stand after what it read.
    if (n < final && c->values[order[n]].by != t) add_edge(&c->rw, t, c->values[order[n]].by);
}

static bool was_seen(const struct check *c, const struct iso_op *scan, uint32_t value) {
    for (uint32_t i = 0; i < scan->count; i++)
        if (c->h->values[scan->first + i] == value) return true;
    return false;
}

// Whether the transaction itself did this to the value before its operation op_at.
static bool did_before(const struct check *c, uint32_t t, uint32_t op_at, enum iso_kind kind,
                       uint32_t value) {
    for (uint32_t i = c->h->txns[t].first_op; i < op_at; i++)
        if (c->h->ops[i].kind == kind && c->h->ops[i].value == value) return true;
    return false;
}

static void scan_edges(struct check *c, uint32_t t, uint32_t op_at) {
    const struct iso_op *op = &c->h->ops[op_at];
    for (uint32_t i = 0; i < op->count; i++) {
        uint32_t value = c->h->values[op->first + i];
        const struct written *w = &c->values[value];
        if (saw_aborted(c, t, value)) continue;
        if (did_before(c, t, op_at, ISO_REMOVE, value))
            note(c, ISO_OWN_WRITE, "it saw what it had removed", t, value);
        add_edge(&c->plain, w->by, t);
        if (w->removed_by != NOBODY) add_edge(&c->rw, t, w->removed_by);
    }
    const uint32_t *members = c->members + c->member_first[op->object];
    for (uint32_t i = 0; i < c->member_count[op->object]; i++) {
        const struct written *w = &c->values[members[i]];
        // One that was removed may have been missed before or after its time.
        if (w->removed_by != NOBODY || was_seen(c, op, members[i])) continue;
        if (did_before(c, t, op_at, ISO_ADD, members[i]))
            note(c, ISO_OWN_WRITE, "it did not see what it had added", t, members[i]);
        else if (w->by != t)
            add_edge(&c->rw, t, w->by);
    }
}

static void find_dependencies(struct check *c) {
    const struct iso_history *h = c->h;
    order_edges(c);
    for (uint32_t t = 0; t < h->txn_count; t++) {
        const struct iso_txn *txn = &h->txns[t];
        c->out->operations += txn->op_count;
        c->out->committed += txn->committed;
        c->out->aborted += !txn->committed;
        for (uint32_t i = txn->first_op; i < txn->first_op + txn->op_count; i++) {
            const struct iso_op *op = &h->ops[i];
            // What did not commit must have seen a state too, but nothing depends on it.
            if (!txn->committed) continue;
            if (op->kind == ISO_READ) read_edges(c, t, i);
            if (op->kind == ISO_SCAN) scan_edges(c, t, i);
            if (op->kind == ISO_REMOVE && c->values[op->value].by != NOBODY)
                add_edge(&c->plain, c->values[op->value].by, t);
        }
    }
}

// --- real time ------------------------------------------------------------------------------

struct moment {
    uint64_t time;
    uint32_t txn;
    bool is_end;
};

static int moment_cmp(const void *a, const void *b) {
    const struct moment *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (int)x->is_end - (int)y->is_end; // at one moment nothing came before
}

// A chain of barriers, one for each end: so there are as many edges as ends and beginnings.
static void time_edges(struct check *c) {
    const struct iso_history *h = c->h;
    struct moment *moments = zeroed(2 * (size_t)h->txn_count, sizeof *moments);
    uint32_t count = 0, barrier = NOBODY;
    for (uint32_t t = 0; t < h->txn_count; t++) {
        if (!h->txns[t].committed) continue;
        moments[count++] = (struct moment){h->txns[t].begin, t, false};
        moments[count++] = (struct moment){h->txns[t].end, t, true};
    }
    qsort(moments, count, sizeof *moments, moment_cmp);
    for (uint32_t i = 0; i < count; i++) {
        if (!moments[i].is_end) {
            if (barrier != NOBODY) add_edge(&c->rt, barrier, moments[i].txn);
            continue;
        }
        uint32_t next = h->txn_count + c->barriers++;
        if (barrier != NOBODY) add_edge(&c->rt, barrier, next);
        add_edge(&c->rt, moments[i].txn, next);
        barrier = next;
    }
    free(moments);
}

// --- cycles ---------------------------------------------------------------------------------

struct graph {
    uint32_t nodes;
    uint32_t *first, *to; // edges of n: to[first[n] … first[n + 1])
};

static void graph_of(struct graph *g, uint32_t nodes, const struct edges *const *lists) {
    uint32_t edges = 0;
    g->nodes = nodes;
    g->first = zeroed((size_t)nodes + 2, sizeof *g->first);
    for (int l = 0; lists[l]; l++) {
        edges += lists[l]->count;
        for (uint32_t i = 0; i < lists[l]->count; i++)
            g->first[lists[l]->list[i].from + 2]++;
    }
    for (uint32_t i = 2; i < nodes + 2; i++)
        g->first[i] += g->first[i - 1];
    g->to = zeroed(edges, sizeof *g->to);
    for (int l = 0; lists[l]; l++)
        for (uint32_t i = 0; i < lists[l]->count; i++)
            g->to[g->first[lists[l]->list[i].from + 1]++] = lists[l]->list[i].to;
}

static void graph_free(struct graph *g) {
    free(g->first);
    free(g->to);
}

// Tarjan's strongly connected components, without recursion. Marks the nodes that lie in cycles.
struct tarjan {
    const struct graph *g;
    uint32_t *index, *low, *at, *stack, *path;
    bool *on_stack, *cyclic;
    uint32_t next, stacked, depth;
};

static void enter(struct tarjan *t, uint32_t node) {
    t->index[node] = t->low[node] = ++t->next;
    t->at[node] = t->g->first[node];
    t->stack[t->stacked++] = node;
    t->on_stack[node] = true;
    t->path[t->depth++] = node;
}

static void leave(struct tarjan *t, uint32_t node) {
    t->depth--;
    if (t->depth && t->low[node] < t->low[t->path[t->depth - 1]])
        t->low[t->path[t->depth - 1]] = t->low[node];
    if (t->low[node] != t->index[node]) return;
    bool alone = t->stack[t->stacked - 1] == node;
    for (uint32_t other = NOBODY; other != node;) {
        other = t->stack[--t->stacked];
        t->on_stack[other] = false;
        t->cyclic[other] = !alone;
    }
}

static void walk(struct tarjan *t, uint32_t from) {
    enter(t, from);
    while (t->depth) {
        uint32_t node = t->path[t->depth - 1];
        if (t->at[node] == t->g->first[node + 1]) {
            leave(t, node);
            continue;
        }
        uint32_t to = t->g->to[t->at[node]++];
        if (!t->index[to])
            enter(t, to);
        else if (t->on_stack[to] && t->index[to] < t->low[node])
            t->low[node] = t->index[to];
    }
}

// How many of the first nodes (transactions, not barriers) lie in cycles; *example one of them.
static uint64_t count_cyclic(const struct graph *g, uint32_t txns, uint32_t *example) {
    struct tarjan t = {.g = g};
    uint64_t count = 0;
    t.index = zeroed(g->nodes, sizeof *t.index);
    t.low = zeroed(g->nodes, sizeof *t.low);
    t.at = zeroed(g->nodes, sizeof *t.at);
    t.stack = zeroed(g->nodes, sizeof *t.stack);
    t.path = zeroed(g->nodes, sizeof *t.path);
    t.on_stack = zeroed(g->nodes, sizeof *t.on_stack);
    t.cyclic = zeroed(g->nodes, sizeof *t.cyclic);
    for (uint32_t n = 0; n < g->nodes; n++)
        if (!t.index[n]) walk(&t, n);
    for (uint32_t n = 0; n < txns; n++) {
        if (t.cyclic[n] && !count) *example = n;
        count += t.cyclic[n];
    }
    free(t.index);
    free(t.low);
    free(t.at);
    free(t.stack);
    free(t.path);
    free(t.on_stack);
    free(t.cyclic);
    return count;
}

static void note_cycles(struct check *c, enum iso_anomaly anomaly,
                        const struct edges *const *lists) {
    struct graph g;
    uint32_t example = 0, nodes = c->h->txn_count + c->barriers;
    graph_of(&g, nodes, lists);
    uint64_t count = count_cyclic(&g, c->h->txn_count, &example);
    graph_free(&g);
    if (!count) return;
    note(c, anomaly, "dependencies go round", example, 0);
    c->out->found[anomaly] = count;
}

// Every plain or rt edge, and each followed by one rw.
static void compose(const struct check *c, const struct edges *first, struct edges *out) {
    const struct edges *rw[] = {&c->rw, NULL};
    struct graph g;
    graph_of(&g, c->h->txn_count + c->barriers, rw);
    for (uint32_t i = 0; i < first->count; i++) {
        const struct edge *e = &first->list[i];
        add_edge(out, e->from, e->to);
        for (uint32_t k = g.first[e->to]; k < g.first[e->to + 1]; k++) {
            // A way back to where it began is a cycle of its own: it needs an edge to show.
            if (g.to[k] == e->from)
                add_edge(out, e->to, e->from);
            else
                add_edge(out, e->from, g.to[k]);
        }
    }
    graph_free(&g);
}

static void find_cycles(struct check *c) {
    const struct edges *serial[] = {&c->plain, &c->rw, NULL};
    const struct edges *strict[] = {&c->plain, &c->rw, &c->rt, NULL};
    struct edges composed = {0};
    const struct edges *snapshot[] = {&composed, NULL};
    note_cycles(c, ISO_CYCLE, serial);
    note_cycles(c, ISO_STALE, strict);
    compose(c, &c->plain, &composed);
    compose(c, &c->rt, &composed);
    note_cycles(c, ISO_SNAPSHOT_CYCLE, snapshot);
    free(composed.list);
}

void iso_check(const struct iso_history *h, struct iso_report *out) {
    struct check c = {.h = h, .out = out};
    *out = (struct iso_report){0};
    if (!h->txn_count) return;
    measure(&c);
    find_writers(&c);
    list_members(&c);
    take_end(&c);
    find_dependencies(&c);
    time_edges(&c);
    find_cycles(&c);
    out->dependencies = (uint64_t)c.plain.count + c.rw.count + c.rt.count;
    free(c.values);
    free(c.order);
    free(c.order_first);
    free(c.order_count);
    free(c.members);
    free(c.member_first);
    free(c.member_count);
    free(c.plain.list);
    free(c.rw.list);
    free(c.rt.list);
}
