/* A database directory served over sockets, by the program that calls this: what `nacre serve` is.
 * Not part of libnacre. C99. Functions may be called from any one thread. */
#ifndef NACRE_SERVE_H
#define NACRE_SERVE_H

#include "nacre/nacre.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nacre_server nacre_server;

/* Zero-initialise, then set what is wanted. Borrowed during the call. */
typedef struct nacre_serve_options {
    const char *dir;
    nacre_options open;        /* of the directory; error is not looked at */
    const char *const *listen; /* "HOST:PORT" each; none: 127.0.0.1:7700. Port 0: any free one */
    size_t listen_count;
    int insecure; /* allow addresses that other machines reach, without TLS */
    /* Files of PEM; NULL: no TLS. With TLS, addresses that other machines reach take only that. */
    const char *tls_certificate, *tls_key;
    const char *tls_client_ca; /* clients must show a certificate of one of these authorities */
    const char *tls_min;       /* "1.2" or "1.3", as which NULL counts */
    /* JSON Web Tokens as credentials: a file of the issuer's keys (JWKS), and the issuer and the
     * audience that tokens must name. All three, or jwks NULL: none are taken. */
    const char *jwks, *jwt_issuer, *jwt_audience;
    uint64_t slow_ms;    /* calls that take so long are noted in /v1/slowlog; 0 = 500 */
    const char *backups; /* the directory of backups that callers may make; NULL: none */
    /* Calls a second of each key, user or token, and of all that are bound to the same databases;
     * 0: no limit. The admin key has none. */
    uint32_t rate, tenant_rate;
    /* Origins whose web pages may read answers, "https://a.example,https://b.example" or "*";
     * NULL: none. */
    const char *cors;
    /* What is told goes to stderr, a JSON object a line: "time" (RFC 3339), "level", "message" and
     * what belongs to it. log_text: for people. log_requests: a line for each request too. */
    int log_text, log_requests;
} nacre_serve_options;

/* Opens the directory and serves it until nacre_server_stop, in threads of its own. Also listens on
 * DIR/nacre.sock, and makes DIR/admin.key if it is not there. error (may be NULL) tells what was
 * wrong. */
NACRE_MUST_USE nacre_status nacre_server_start(const nacre_serve_options *options,
                                               nacre_open_error *error, nacre_server **out);
/* The URLs it listens on, parted by spaces; as long as the server. */
const char *nacre_server_addresses(const nacre_server *server);
/* Reads the files of TLS again, for connections that begin then. A failure changes nothing. */
NACRE_MUST_USE nacre_status nacre_server_reload(nacre_server *server, nacre_open_error *error);
/* A line among those of the server. It does not wait for who reads them. */
void nacre_server_log(nacre_server *server, int is_warning, const char *message);
/* Takes no more requests, waits up to 10 s for those that run, cancels the others, closes the
 * directory. NULL is fine. */
NACRE_MUST_USE nacre_status nacre_server_stop(nacre_server *server, nacre_open_error *error);

/* Reads the audit log of a directory: *out_lines, and the hash of its last line with a NUL, to be
 * compared with one that was kept elsewhere. NACRE_CORRUPT: error names the first line that does
 * not follow from the one before; NACRE_NOT_FOUND: there is no log. error may be NULL. */
NACRE_MUST_USE nacre_status nacre_audit_verify(const char *dir, nacre_open_error *error,
                                               uint64_t *out_lines, char out_last[65]);

#ifdef __cplusplus
}
#endif

#endif
