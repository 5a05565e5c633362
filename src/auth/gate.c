// How often: wrong credentials of an address, calls of each who asks and of each tenant.
#include "auth/internal.h"

enum { WRONG_A_SECOND = 20, WRONG_BURST = 200 };

nacre_status gate_open(struct ctx *ctx, struct auth *auth) {
    uint32_t rate = auth->options.rate, tenant = auth->options.tenant_rate;
    auth->wrong = limit_open(WRONG_A_SECOND, WRONG_BURST);
    if (rate) auth->by_who = limit_open(rate, rate);
    if (tenant) auth->by_tenant = limit_open(tenant, tenant);
    bool whole = auth->wrong && (!rate || auth->by_who) && (!tenant || auth->by_tenant);
    return whole ? NACRE_OK : err_nomem(ctx);
}

void gate_close(struct auth *auth) {
    limit_close(auth->wrong);
    limit_close(auth->by_who);
    limit_close(auth->by_tenant);
}

// --- wrong credentials ---

static nacre_status too_many_wrong(struct ctx *ctx) {
    return err_set(ctx, NACRE_RATE_LIMITED, "too many wrong credentials came from this address");
}

// The same machine's socket has no address: its file's mode keeps others off.
nacre_status gate_look(struct ctx *ctx, struct auth *auth, struct slice address) {
    struct limit_state state;
    if (!address.n || limit_look(auth->wrong, address, world_mono_ns(auth->options.world), &state))
        return NACRE_OK;
    return too_many_wrong(ctx);
}

nacre_status auth_wrong(struct ctx *ctx, struct auth *auth, struct slice address,
                        struct limit_state *out) {
    if (!address.n || limit_take(auth->wrong, address, world_mono_ns(auth->options.world), out))
        return NACRE_UNAUTHENTICATED;
    return too_many_wrong(ctx);
}

// --- calls ---

static bool take(struct limit *limit, struct slice name, uint64_t now_ns, struct limit_state *out) {
    struct limit_state state;
    if (!limit) return true;
    bool there = limit_take(limit, name, now_ns, &state);
    if (!there || !out->a_second || state.left < out->left) *out = state;
    return there;
}

// The databases it is bound to, as one text.
static struct slice tenant_of(const struct auth_identity *identity, char *text, size_t room) {
    size_t n = 0;
    for (uint32_t i = 0; i < identity->database_count; i++) {
        const struct pattern *pattern = &identity->databases[i];
        if (n + pattern->text.n + 2 > room) break;
        memcpy(text + n, pattern->text.p, pattern->text.n);
        n += pattern->text.n;
        text[n++] = pattern->prefix ? '*' : '.';
    }
    return slice_of(text, n);
}

nacre_status auth_admit(struct ctx *ctx, struct auth *auth, const struct auth_who *who,
                        struct limit_state *out) {
    char text[66 * PATTERNS_MAX];
    const struct auth_identity *identity = who->identity;
    uint64_t now_ns = world_mono_ns(auth->options.world);
    *out = (struct limit_state){0};
    // Whoever holds the directory must be able to mend what goes wrong.
    if (identity == auth->admin_identity) return NACRE_OK;
    if (!take(auth->by_who, slice_str(who->name), now_ns, out))
        return err_set(ctx, NACRE_RATE_LIMITED, "more than %u calls a second",
                       (unsigned)out->a_second);
    if (!auth->by_tenant || !identity->database_count) return NACRE_OK;
    if (take(auth->by_tenant, tenant_of(identity, text, sizeof text), now_ns, out)) return NACRE_OK;
    return err_set(ctx, NACRE_RATE_LIMITED, "more than %u calls a second to these databases",
                   (unsigned)out->a_second);
}
