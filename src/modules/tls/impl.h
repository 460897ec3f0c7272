/* What the files of this module share. */
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "flow/tls_module.h"

struct buf;

enum { FINGERPRINT_BYTES = 32 };

/* What lies between OpenSSL and the socket: wire.c. */
enum { WIRE_RECORD = 16 << 10, WIRE_RECORDS = 4, WIRE_OUT = WIRE_RECORDS * (WIRE_RECORD + 256) };

struct wire_record {
    size_t end;   /* in out */
    size_t plain; /* bytes */
};

struct wire {
    int fd;
    bool ended;   /* the peer's end was read */
    bool gathers; /* what OpenSSL writes stays in out until wire_flush */
    char *out;    /* NULL: none */
    size_t out_at, out_n, out_size;
    struct wire_record records[WIRE_RECORDS];
    uint32_t n_records;
    size_t due; /* plain bytes of records that went out, whose writer wasn't told yet */
};

/* A context: everything that is the same for all connections. */
struct context {
    struct tls_context head; /* first: what flow/tls knows of it */
    SSL_CTX *ctx;
    enum tls_role role;
    enum tls_peer peer;
    const struct tls_words *words;
    unsigned char *staple; /* what a server shows; NULL: nothing */
    size_t staple_n;
    bool pinned;
    unsigned char pin[FINGERPRINT_BYTES];
    unsigned char *alpn; /* as the wire has it: each name behind its length */
    unsigned alpn_n;
    BIO_METHOD *wire;
    _Atomic unsigned users; /* its owner, and its sessions */
};

/* A connection, from the handshake on. */
struct tls_session {
    struct context *context;
    SSL *ssl;
    struct wire wire;
    const char *who;  /* only until the handshake is over */
    char *name;       /* that the peer's certificate has to bear; NULL: none */
    bool goodbye;     /* the peer's close_notify came */
    int read_over;    /* what each further read gives: 0 not yet, 1 the end, or a negative errno */
    char *unverified; /* why the peer's certificate isn't good; NULL: it is, or there is none */
    STACK_OF(X509) * refused; /* what it showed, when that ended the handshake; NULL */
    struct tls_fault *fault;
};

extern const struct tls_module berth_tls_module;

/* context.c */
int context_new(const struct tls_config *config, struct tls_context **ret, struct err *e);
void context_free(struct tls_context *head);

void context_release(struct context *c);

/* wire.c */
BIO_METHOD *wire_method(void);
/* A record was written, of so many plain bytes. */
void wire_note_record(struct wire *w, size_t plain);
/* Sends what was gathered. 0, -EAGAIN or another negative errno. */
int wire_flush(struct wire *w);
/* How many bytes more the writer may forget, at most. */
size_t wire_take_due(struct wire *w, size_t most);
/* Gives the memory back, if nothing waits there. */
void wire_rest(struct wire *w);

/* self_signed.c: a key and a certificate for these names, in the context. 0 or a negative errno
 * with *e filled. */
int self_signed_use(SSL_CTX *ctx, const struct vec *names, struct err *e);

/* staple.c: reads what is to be shown, or demands it. 0 or a negative errno with *e filled. */
int staple_use(struct context *c, const struct tls_config *config, struct err *e);

/* session.c */
int session_new(struct tls_context *c, int fd, const struct tls_peer_name *peer,
                struct tls_session **ret, struct err *e);
int session_step(struct tls_session *t, uint32_t *ret_waits, struct err *e);
void session_free(struct tls_session *t);
void session_tell(struct tls_session *t, struct tls_fault *fault);
ssize_t session_read(struct stream *s, void *to, size_t n);
ssize_t session_write(struct stream *s, const void *from, size_t n, bool more);
int session_finish(struct stream *s);
void session_release(struct stream *s);

/* verify.c: has the context judge by t->context, and say in t->unverified what is wrong, keeping in
 * t->refused what OpenSSL forgets then. */
void verify_use(struct context *c);
/* Keeps what is wrong with the peer's certificate, and what it has shown, unless something was
 * wrong before. store: where that is being verified, NULL if it is good so far. */
void verify_keep(struct tls_session *t, const struct buf *words, X509_STORE_CTX *store);
/* Why a handshake failed, from OpenSSL's queue of errors; error: what SSL_get_error said. Returns a
 * negative errno with *e filled. */
int explain_failure(struct tls_session *t, int error, struct err *e);
/* Why something else of OpenSSL did: the words of the first error in the queue. */
int explain_queue(struct err *e, int code, const char *op, const char *subject);

/* info.c */
int session_info(const struct tls_session *t, struct tls_info *ret);
void fingerprint_write(const X509 *certificate, char ret[3 * FINGERPRINT_BYTES + 1]);
void certificate_names(struct buf *out, const X509 *certificate);
