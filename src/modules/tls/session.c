/* Connections: the handshake step by step, then reading and writing records.
 *
 * OpenSSL says what it waits for; a read may have to write (new keys) and the stream's owner only
 * has to wait. A record that is begun must be ended: what couldn't be written has to be given
 * again, the same bytes first, which the pump's way of holding them does by itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "modules/tls/impl.h"

/* Beginning */

static bool is_address(const char *text)
{
    struct in6_addr a;
    return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

static int check_name(struct tls_session *t, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    t->name = strdup(name);
    if (!t->name)
        return -ENOMEM;
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -ENOMEM;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 ? 0 : -EINVAL;
}

/* The name that the certificate has to bear, and that the server hears (RFC 6066, 3: addresses
 * aren't sent). */
static int set_name(struct tls_session *t, const struct tls_peer_name *peer)
{
    int result = peer->unchecked ? 0 : check_name(t, peer->name);
    if (result == 0 && t->context->role == TLS_CLIENT && !is_address(peer->name) &&
        SSL_set_tlsext_host_name(t->ssl, peer->name) != 1)
        return -EINVAL;
    return result;
}

static int begin(struct tls_session *t, int fd, const struct tls_peer_name *peer)
{
    BIO *bio = BIO_new(t->context->wire);
    t->wire.fd = fd;
    t->ssl = SSL_new(t->context->ctx);
    if (!t->ssl || !bio) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, &t->wire);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (t->context->role == TLS_SERVER)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return peer->name ? set_name(t, peer) : 0;
}

int session_new(struct tls_context *c, int fd, const struct tls_peer_name *peer,
                struct tls_session **ret, struct err *e)
{
    struct tls_session *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, ENOMEM, "set up TLS with", peer->who, NULL);
    t->context = (struct context *)c;
    atomic_fetch_add(&t->context->users, 1);
    t->who = peer->who ? peer->who : "";
    ERR_clear_error();
    int result = begin(t, fd, peer);
    if (result < 0) {
        err_set(e, -result, "set up TLS with", t->who, "for the name '%s'",
                peer->name ? peer->name : "");
        session_free(t);
        return result;
    }
    *ret = t;
    return 0;
}

int session_step(struct tls_session *t, uint32_t *ret_waits, struct err *e)
{
    ERR_clear_error();
    errno = 0;
    int done = SSL_do_handshake(t->ssl);
    if (done == 1)
        return 0;
    int error = SSL_get_error(t->ssl, done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *ret_waits = error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
        return -EAGAIN;
    }
    return explain_failure(t, error, e);
}

/* ssl is const in newer versions of OpenSSL. */
static void see_alert(const SSL *ssl, int where, int value)
{
    struct tls_session *t = SSL_get_app_data((SSL *)(uintptr_t)ssl);
    if (where == SSL_CB_READ_ALERT && (value & UINT8_MAX) == SSL_AD_CLOSE_NOTIFY)
        t->goodbye = true;
}

/* From now on an end is an end: one without close_notify must not keep us from writing, as an error
 * of OpenSSL's would. */
void session_tell(struct tls_session *t, struct tls_fault *fault)
{
    SSL_set_options(t->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_set_info_callback(t->ssl, see_alert);
    t->fault = fault;
    t->who = "";
}

void session_free(struct tls_session *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    context_release(t->context);
    free(t->wire.out);
    free(t->name);
    free(t->unverified);
    sk_X509_pop_free(t->refused, X509_free);
    free(t);
}

/* Moving bytes */

static void note_fault(struct tls_session *t, enum tls_fault_kind kind, int alert)
{
    if (t->fault)
        *t->fault = (struct tls_fault){.kind = (uint8_t)kind, .alert = (uint8_t)alert};
}

/* An error of the protocol, from OpenSSL's queue. */
static int broken(struct tls_session *t)
{
    int reason = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
    if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
        note_fault(t, TLS_FAULT_ALERT, reason - SSL_AD_REASON_OFFSET);
    else
        note_fault(t, TLS_FAULT_BROKEN, 0);
    return -EPROTO;
}

/* What a call that didn't succeed means: 1 for the peer's end, -EAGAIN with *waits, or another
 * negative errno. */
static int outcome(struct tls_session *t, int result, uint32_t *waits)
{
    int said = errno;
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *waits = EPOLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *waits = EPOLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        if (!t->goodbye)
            note_fault(t, TLS_FAULT_CUT, 0);
        return 1;
    case SSL_ERROR_SYSCALL:
        if (said)
            return -said;
        return broken(t);
    default:
        return broken(t);
    }
}

/* A peer that refused us said why in an alert, and closed; our next words were answered by a reset.
 * The alert may still lie there to be read. */
static int say_why(struct tls_session *t, int error)
{
    char byte;
    size_t n;
    uint32_t waits;
    if (error != -ECONNRESET && error != -EPIPE)
        return error;
    ERR_clear_error();
    errno = 0;
    int result = SSL_peek_ex(t->ssl, &byte, 1, &n);
    return result != 1 && outcome(t, result, &waits) == -EPROTO ? -EPROTO : error;
}

static ssize_t read_result(int over)
{
    return over == 1 ? 0 : over;
}

ssize_t session_read(struct stream *s, void *to, size_t n)
{
    struct tls_session *t = s->above;
    size_t done = 0;
    while (done < n && !t->read_over) {
        size_t got = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_read_ex(t->ssl, (char *)to + done, n - done, &got);
        if (result == 1) {
            done += got;
            continue;
        }
        int why = outcome(t, result, &s->read_waits);
        if (why == -EAGAIN) {
            s->can_read = false;
            return done ? (ssize_t)done : -EAGAIN;
        }
        t->read_over = why;
    }
    return done || n == 0 ? (ssize_t)done : read_result(t->read_over);
}

/* Makes records of at most n bytes, which stay in the wire's buffer if there are several. How many
 * bytes, or a negative errno. */
static ssize_t encrypt(struct tls_session *t, struct stream *s, const char *from, size_t n)
{
    size_t done = 0;
    t->wire.gathers = n > WIRE_RECORD;
    for (int i = 0; i < WIRE_RECORDS && done < n; i++) {
        size_t put = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_write_ex(t->ssl, from + done, n - done, &put);
        if (result != 1) {
            int why = outcome(t, result, &s->write_waits);
            if (done == 0)
                return why == 1 ? -EPIPE : why;
            break; /* it comes up again */
        }
        wire_note_record(&t->wire, put);
        done += put;
    }
    return (ssize_t)done;
}

ssize_t session_write(struct stream *s, const void *from, size_t n, bool more)
{
    struct tls_session *t = s->above;
    struct wire *w = &t->wire;
    size_t done = 0;
    ssize_t result = 0;
    (void)more;
    /* What is there from the last time comes first; then no byte is due any more. */
    while (result >= 0) {
        result = wire_flush(w);
        done += wire_take_due(w, n - done);
        if (result == 0 && done == n)
            break;
        if (result == 0)
            result = encrypt(t, s, (const char *)from + done, n - done);
        else
            s->write_waits = EPOLLOUT;
    }
    wire_rest(w);
    if (done > 0 || n == 0)
        return (ssize_t)done;
    return say_why(t, (int)result);
}

/* Says close_notify; the connection stays open to read. */
int session_finish(struct stream *s)
{
    struct tls_session *t = s->above;
    int result = wire_flush(&t->wire);
    if (result == -EAGAIN)
        s->write_waits = EPOLLOUT;
    if (result < 0)
        return say_why(t, result);
    wire_rest(&t->wire);
    t->wire.gathers = false;
    ERR_clear_error();
    errno = 0;
    result = SSL_shutdown(t->ssl);
    if (result >= 0 || (t->read_over && t->read_over != 1))
        return 0;
    int why = outcome(t, result, &s->write_waits);
    return why == 1 ? 0 : say_why(t, why);
}

void session_release(struct stream *s)
{
    session_free(s->above);
    s->above = NULL;
}
