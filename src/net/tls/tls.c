#include "net/tls/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls {
    SSL *ssl;
    BIO *in, *out; // the ssl's
};
struct tls_files {
    SSL_CTX *ssl;
};

// --- files ---

static nacre_status failed(struct ctx *ctx, const char *what, const char *file) {
    unsigned long code = ERR_peek_error();
    const char *told = ERR_SYSTEM_ERROR(code) ? strerror((int)ERR_GET_REASON(code))
                                              : ERR_reason_error_string(code);
    ERR_clear_error();
    return err_set(ctx, NACRE_INVALID_ARGUMENT, "%s%s%s: %s", what, file ? " " : "",
                   file ? file : "", told ? told : "unusable");
}

// h2 where the client can, else HTTP/1.1; who names neither gets no connection (RFC 7301).
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *offered, unsigned offered_size, void *arg) {
    static const unsigned char ours[] = "\2h2\10http/1.1\7nacre/1";
    unsigned char *chosen;
    (void)ssl, (void)arg;
    int found =
        SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, offered, offered_size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static nacre_status load(struct ctx *ctx, SSL_CTX *ssl, const struct net_tls *options) {
    int oldest = options->allow_12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); // tickets do
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(ssl, oldest) != 1 ||
        SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"nacre", 5) != 1)
        return failed(ctx, "TLS", NULL);
    if (SSL_CTX_use_certificate_chain_file(ssl, options->certificate) != 1)
        return failed(ctx, "the certificate", options->certificate);
    if (SSL_CTX_use_PrivateKey_file(ssl, options->key, SSL_FILETYPE_PEM) != 1)
        return failed(ctx, "the key", options->key);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return failed(ctx, "the key is not that of the certificate", options->certificate);
    if (!options->client_ca) return NACRE_OK;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->client_ca);
    if (!names || SSL_CTX_load_verify_locations(ssl, options->client_ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return failed(ctx, "the certificates of clients' authorities", options->client_ca);
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return NACRE_OK;
}

nacre_status tls_files_open(struct ctx *ctx, const struct net_tls *options,
                            struct tls_files **out) {
    struct tls_files *files = mem_zalloc(sizeof *files);
    if (!files) return err_nomem(ctx);
    ERR_clear_error();
    files->ssl = SSL_CTX_new(TLS_server_method());
    nacre_status status = files->ssl ? load(ctx, files->ssl, options) : err_nomem(ctx);
    if (status != NACRE_OK) {
        tls_files_close(files);
        return status;
    }
    *out = files;
    return NACRE_OK;
}

void tls_files_close(struct tls_files *files) {
    if (!files) return;
    SSL_CTX_free(files->ssl);
    mem_free(files);
}

// --- a connection ---

struct tls *tls_open(struct tls_files *files) {
    struct tls *tls = mem_zalloc(sizeof *tls);
    if (!tls) return NULL;
    tls->ssl = SSL_new(files->ssl);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        SSL_free(tls->ssl);
        mem_free(tls);
        return NULL;
    }
    BIO_set_mem_eof_return(tls->in, -1); // no bytes now is not the end
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void tls_close(struct tls *tls) {
    if (!tls) return;
    SSL_free(tls->ssl);
    mem_free(tls);
}

static void move_out(struct tls *tls, struct buf *cipher) {
    char *bytes;
    long size = BIO_get_mem_data(tls->out, &bytes);
    if (size <= 0) return;
    buf_put(cipher, bytes, (size_t)size);
    if (BIO_reset(tls->out) != 1) cipher->status = NACRE_INTERNAL;
}

enum tls_result tls_take(struct tls *tls, struct slice bytes, struct buf *plain,
                         struct buf *cipher) {
    enum { PIECE = 16 << 10 }; // a record
    ERR_clear_error();
    if (BIO_write(tls->in, bytes.p, (int)bytes.n) != (int)bytes.n) return TLS_FAILED;
    for (;;) {
        uint8_t *room = buf_reserve(plain, PIECE);
        if (!room) return TLS_FAILED;
        int size = SSL_read(tls->ssl, room, PIECE);
        move_out(tls, cipher);
        if (size > 0) {
            plain->n += (size_t)size;
            continue;
        }
        int why = SSL_get_error(tls->ssl, size);
        ERR_clear_error();
        if (why == SSL_ERROR_WANT_READ) return TLS_GOES_ON;
        return why == SSL_ERROR_ZERO_RETURN ? TLS_ENDED : TLS_FAILED;
    }
}

bool tls_put(struct tls *tls, struct slice plain, struct buf *cipher) {
    ERR_clear_error();
    while (plain.n) {
        int most = plain.n < INT32_MAX / 2 ? (int)plain.n : INT32_MAX / 2;
        int size = SSL_write(tls->ssl, plain.p, most);
        move_out(tls, cipher);
        if (size <= 0) {
            ERR_clear_error();
            return false;
        }
        plain = slice_skip(plain, (size_t)size);
    }
    return true;
}

void tls_put_end(struct tls *tls, struct buf *cipher) {
    if (SSL_is_init_finished(tls->ssl)) (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    move_out(tls, cipher);
}
