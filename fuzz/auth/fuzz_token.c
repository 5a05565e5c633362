// A token, or a file of keys: whatever the bytes, nothing is taken that no key has signed, and what
// one has is taken whole.
#include <stdint.h>
#include <string.h>

#include "auth/jose.h"
#include "base/err/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char keys_text[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"h\",\"k\":"
    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"},{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":"
    "\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
    "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
// {"alg":"HS256","kid":"h"} and {"sub":"a"}, signed with the first key.
static const char signed_text[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImgifQ.eyJzdWIiOiJhIn0."
                                  "cJI05XjNULiCfxFn7hSfeOPdzyhu42RekxrU76eNJ6o";

static struct jose_keys *open_keys(struct ctx *ctx, struct slice text) {
    struct jose_keys *keys = NULL;
    return jose_keys_parse(ctx, text, &keys) == NACRE_OK ? keys : NULL;
}

static bool verify(const struct jose_keys *keys, struct slice token) {
    struct buf payload BUF_CLEANUP = {0};
    buf_init(&payload, NULL, 1 << 16);
    bool valid = jose_verify(keys, token, &payload);
    CHECK(valid || payload.n == 0);
    return valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ctx ctx;
    struct slice text = slice_of(data, size);
    ctx_init(&ctx, &world_system, NULL, 64 << 20);
    struct jose_keys *keys = open_keys(&ctx, slice_str(keys_text));
    CHECK(keys);
    CHECK(verify(keys, slice_str(signed_text)));
    bool same = slice_eq_str(text, signed_text);
    // Nobody but this file knows a key: other tokens that hold would be forged.
    CHECK(same || !verify(keys, text) || memmem(text.p, text.n, "eyJzdWIiOiJhIn0", 15));
    jose_keys_free(keys);
    keys = open_keys(&ctx, text);
    if (keys) (void)!verify(keys, slice_str(signed_text));
    jose_keys_free(keys);
    ctx_free(&ctx);
    return 0;
}
