/* TLS above a connection: what it shall be, the handshake as a stage of the event loop, and then a
 * stream like any other.
 *
 * No library of TLS is known here. It comes as a module of our own (berth-tls.so, built from
 * src/modules/tls) that is opened when the first context is made: a berth that speaks no TLS never
 * loads OpenSSL, and works where there is none. A context is shared by all connections and threads;
 * a handshake and its stream belong to one loop.
 *
 * The peer's end without its close_notify (RFC 8446, 6.1) may be the work of somebody who cut the
 * connection, but there are peers who never say it (ncat), and want their answer all the same. So
 * such a stream ends like any other, and its fault tells (TLS_FAULT_CUT): whoever reports the end
 * of a conversation has to ask for it. A stream that breaks fails with -EPROTO. Nothing is
 * renegotiated (TLS 1.2); new keys (TLS 1.3) go by unseen.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "flow/stream.h"

struct buf;
struct err;
struct tls_context;
struct tls_session;

enum tls_role { TLS_CLIENT, TLS_SERVER };
/* What is asked of the peer's certificate. */
enum tls_peer {
    TLS_PEER_ANY,      /* a client takes any certificate; a server asks for none */
    TLS_PEER_OPTIONAL, /* a server: none, or a good one */
    TLS_PEER_VERIFIED  /* a good one */
};
enum tls_version { TLS_1_2, TLS_1_3, TLS_VERSIONS };

/* How the user says what would help, for messages: "--tls-ca". */
struct tls_words {
    const char *name;  /* what the certificate has to bear */
    const char *ca;    /* who may vouch */
    const char *trust; /* that a certificate is known to be right */
    const char *least; /* the oldest version */
    const char *alpn;
};

struct tls_config {
    enum tls_role role;
    /* Files in PEM: the certificate with those that vouch for it behind it, and its key; key NULL:
     * it's in the certificate's file. Both NULL: none, which a server can't do without. */
    const char *certificate, *key;
    /* A server without certificate makes one for itself: const char *, the names and addresses it
     * is for; the first is its subject. NULL: it doesn't. */
    const struct vec *self_signed;
    enum tls_peer peer;
    const char *ca; /* who may vouch for the peer: a file in PEM, or a folder as c_rehash makes it;
                     * NULL: the system's store */
    /* The peer's certificate is this one, and nobody has to vouch for it: SHA-256 in hexadecimal
     * digits, with or without colons, "SHA256:" before it or not. NULL: any. */
    const char *fingerprint;
    const char *alpn; /* "h2,http/1.1": what may be spoken above, the best first; NULL: not said */
    enum tls_version least;
    bool no_later;       /* no version after `least` */
    const char *ciphers; /* as ciphers(1) has them; suites of TLS 1.3 ("TLS_…") may be among them,
                          * and alone leave no older version; NULL: what is good */
    /* OCSP's answer about the certificate (RFC 6066, 8). A server shows the one in this file, in
     * DER; a client demands one that says "good" (RFC 6960), from who vouches for the peer. */
    const char *staple;
    bool must_staple;
    const struct tls_words *words; /* NULL: --tls-name, --tls-ca … */
};

/* Loads the module, reads the files. 0, or a negative errno with *e filled. */
int tls_context_new(const struct tls_config *config, struct tls_context **ret, struct err *e);
/* When its handshakes are done or dropped; its streams may live on. NULL is fine. */
void tls_context_free(struct tls_context *c);
/* The SHA-256 fingerprint of its own certificate, "AB:CD:…"; "" without one. */
const char *tls_context_fingerprint(const struct tls_context *c);

/* What was wrong with a stream that failed with EPROTO, or with its end. Zeroed: nothing. */
enum tls_fault_kind { TLS_FAULT_NONE, TLS_FAULT_CUT, TLS_FAULT_ALERT, TLS_FAULT_BROKEN };
struct tls_fault {
    uint8_t kind;  /* enum tls_fault_kind */
    uint8_t alert; /* TLS_FAULT_ALERT: the peer's, RFC 8446, 6.2 */
};
/* In words, with what would help; NULL for none. A text that lives forever. */
const char *tls_fault_words(struct tls_fault fault);

/* The handshake. */

enum { TLS_HANDSHAKE_MS = 10000 };

struct tls_handshake {
    /* Called once, from the loop, unless it was dropped before. e NULL: done, and the owner calls
     * tls_handshake_take, there or later; else what went wrong: the descriptor is closed,
     * tls_handshake_info tells what the peer showed, and the owner calls tls_handshake_drop, there
     * or later. */
    void (*done)(struct loop *l, struct tls_handshake *h, const struct err *e);
    /* It failed since the client spoke plain HTTP. fd is open still then, until it is taken or
     * dropped, so that an answer can be given. */
    bool spoke_http;
    /* of tls.c */
    struct tls_context *context;
    struct tls_session *session;
    const char *peer;
    int fd;
    struct loop_watch watch;
    struct loop_timer timer;
};

struct tls_peer_name {
    const char *who; /* for messages: the peer in the user's words; outlives the handshake */
    /* The name, or the address in figures, that the peer's certificate has to bear, if it shows
     * one; a client's name goes to the server as well (SNI). NULL: neither. */
    const char *name;
    bool unchecked; /* the certificate may bear another */
};

/* Takes fd over, a connected socket with O_NONBLOCK. timeout_ms 0: TLS_HANDSHAKE_MS. h->done must
 * be set. 0, or a negative errno with *e filled: fd is closed then too, and `done` isn't called. */
int tls_handshake_start(struct loop *l, struct tls_handshake *h, struct tls_context *c, int fd,
                        const struct tls_peer_name *peer, uint64_t timeout_ms, struct err *e);
/* The stream that came of it, *s not yet started. fault: where it says what was wrong; NULL:
 * nowhere; it outlives the stream. */
void tls_handshake_take(struct loop *l, struct tls_handshake *h, struct stream *s,
                        struct tls_fault *fault);
/* Closes it as it is. A zeroed one, or one that is over, is dropped already. */
void tls_handshake_drop(struct loop *l, struct tls_handshake *h);

/* What was agreed on. */

struct tls_certificate {
    char *subject, *issuer; /* as RFC 2253 writes names */
    char *names;            /* "example.org, *.example.org, 192.0.2.1"; "" none */
    char *key;              /* "RSA 2048", "EC prime256v1" */
    char *fingerprint;      /* SHA-256, "AB:CD:…" */
    int64_t from, until;    /* seconds since 1970 */
    bool self_signed;
};

struct tls_info {
    char *version;    /* "TLSv1.3" */
    char *cipher;     /* "TLS_AES_256_GCM_SHA384" */
    char *alpn;       /* "" none */
    char *sni;        /* the name that the client asked for; "" none */
    char *verified;   /* "": the peer's certificate is good; else why it isn't, or isn't known */
    struct vec chain; /* struct tls_certificate, the peer's own first, as it sent them */
};

/* Of a handshake that is done, before its stream is taken; of one that failed, what was known then.
 * 0 or -ENOMEM. */
int tls_handshake_info(const struct tls_handshake *h, struct tls_info *ret);
/* Of a stream that a handshake of the context gave. 0, -EINVAL for another, -ENOMEM. */
int tls_info_get(const struct tls_context *c, const struct stream *s, struct tls_info *ret);
/* A zeroed one is cleared already. */
void tls_info_clear(struct tls_info *i);
