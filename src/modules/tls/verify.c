/* Whether the peer's certificate is good, and what is wrong in words.
 *
 * OpenSSL judges; the first thing that it finds is kept as a sentence, since its number alone tells
 * neither which certificate of the chain it was, nor whom that names, nor when it expired.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "modules/tls/impl.h"

/* Words */

static void add_common_name(struct buf *out, const X509_NAME *name)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long n = BIO_get_mem_data(bio, &text);
        buf_char(out, '\'');
        buf_add(out, text, (size_t)n);
        buf_char(out, '\'');
    }
    BIO_free(bio);
}

static void add_day(struct buf *out, const ASN1_TIME *at)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(at, &tm) == 1)
        buf_printf(out, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min);
}

/* Whose certificate it is: the peer's own, or which of those that vouch for it. */
static void add_which(struct buf *out, const X509 *certificate, int depth)
{
    if (depth == 0) {
        buf_str(out, "its certificate");
        return;
    }
    buf_str(out, "the certificate of ");
    add_common_name(out, X509_get_subject_name(certificate));
    buf_str(out, ", which vouches for it,");
}

static void say_name(struct buf *out, const struct tls_session *t, const X509 *leaf)
{
    enum { SHOWN = 150 };
    _cleanup_buf_ struct buf names = BUF_INIT(1 << 16);
    certificate_names(&names, leaf);
    if (names.len == 0) {
        buf_printf(out, "its certificate names nothing that it is for, so not '%s'", t->name);
        return;
    }
    buf_str(out, "its certificate is for ");
    buf_add(out, names.data, names.len < SHOWN ? names.len : SHOWN);
    buf_printf(out, "%s, not for '%s' (%s if that is right)", names.len > SHOWN ? " …" : "",
               t->name, t->context->words->name);
}

static void say_time(struct buf *out, const X509 *certificate, int depth, bool over)
{
    add_which(out, certificate, depth);
    buf_str(out, over ? " expired on " : " is only valid from ");
    add_day(out, over ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate));
    if (!over)
        buf_str(out, " on (is the clock of this machine right?)");
}

static void say_unknown_issuer(struct buf *out, const struct tls_session *t,
                               const X509 *certificate, int depth)
{
    add_which(out, certificate, depth);
    buf_str(out, " was issued by ");
    add_common_name(out, X509_get_issuer_name(certificate));
    buf_printf(out,
               ", which isn't known here (the peer should send the certificates between, or %s "
               "names who may vouch)",
               t->context->words->ca);
}

static void say(struct buf *out, const struct tls_session *t, const X509 *certificate, int depth,
                int error)
{
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        say_name(out, t, certificate);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        say_time(out, certificate, depth, error == X509_V_ERR_CERT_HAS_EXPIRED);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        buf_printf(out,
                   "its certificate is self-signed, nobody vouches for it (%s if it is known to be "
                   "right)",
                   t->context->words->trust);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        buf_str(out, "its certificate leads to ");
        add_common_name(out, X509_get_subject_name(certificate));
        buf_printf(out, ", who isn't trusted here (%s)", t->context->words->ca);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        say_unknown_issuer(out, t, certificate, depth);
        break;
    default:
        add_which(out, certificate, depth);
        buf_printf(out, " isn't good: %s", X509_verify_cert_error_string(error));
    }
}

/* Judging */

static struct tls_session *session_of(X509_STORE_CTX *store)
{
    return SSL_get_app_data(
        (SSL *)X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

void verify_keep(struct tls_session *t, const struct buf *words, X509_STORE_CTX *store)
{
    if (t->unverified)
        return;
    t->unverified = strndup(words->data ? words->data : "", words->len);
    STACK_OF(X509) *shown = store ? X509_STORE_CTX_get0_untrusted(store) : NULL;
    t->refused = shown ? X509_chain_up_ref(shown) : NULL;
}

static int judge(int good, X509_STORE_CTX *store)
{
    struct tls_session *t = session_of(store);
    if (good)
        return 1;
    _cleanup_buf_ struct buf words = BUF_INIT(1024);
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    if (certificate)
        say(&words, t, certificate, X509_STORE_CTX_get_error_depth(store), error);
    else
        buf_str(&words, X509_verify_cert_error_string(error));
    verify_keep(t, &words, store);
    return t->context->peer == TLS_PEER_ANY;
}

/* Nobody has to vouch for a certificate that is known itself. */
static int compare_pin(X509_STORE_CTX *store, void *data)
{
    const struct context *c = data;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (leaf && X509_digest(leaf, EVP_sha256(), digest, &n) == 1 && n == FINGERPRINT_BYTES &&
        memcmp(digest, c->pin, n) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    _cleanup_buf_ struct buf words = BUF_INIT(256);
    char found[3 * FINGERPRINT_BYTES + 1] = "?";
    if (leaf)
        fingerprint_write(leaf, found);
    buf_printf(&words, "its certificate isn't the one expected: its fingerprint is %s", found);
    verify_keep(session_of(store), &words, store);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

void verify_use(struct context *c)
{
    static const int modes[] = {
        [TLS_PEER_ANY] = SSL_VERIFY_NONE,
        [TLS_PEER_OPTIONAL] = SSL_VERIFY_PEER,
        [TLS_PEER_VERIFIED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    if (!c->pinned) {
        SSL_CTX_set_verify(c->ctx, modes[c->peer], judge);
        return;
    }
    SSL_CTX_set_cert_verify_callback(c->ctx, compare_pin, c);
    SSL_CTX_set_verify(c->ctx, modes[TLS_PEER_VERIFIED], NULL);
}

/* Failed handshakes */

static const char ended_words[] =
    "the peer ended the connection in the middle of the handshake (does it speak TLS?)";

enum { NO_OPTION, OPTION_LEAST, OPTION_ALPN };

static const struct {
    int reason;
    const char *words;
    int option; /* that has to do with it */
} reasons[] = {
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, ended_words},
    {SSL_R_WRONG_VERSION_NUMBER, "what the peer said isn't TLS (a port without TLS?)"},
    {SSL_R_HTTP_REQUEST, "the peer spoke plain HTTP, not TLS (https://?)"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the peer spoke to a proxy in plain HTTP, not TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "no common version of TLS", OPTION_LEAST},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "no version of TLS is left to speak", OPTION_LEAST},
    {SSL_R_NO_SHARED_CIPHER, "no common cipher"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the peer speaks none of the protocols that were offered",
     OPTION_ALPN},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer showed no certificate, and has to"},
    {SSL_R_DH_KEY_TOO_SMALL, "the peer's Diffie-Hellman key is too small to be safe"},
};

static const char *reason_words(int reason, int *ret_option)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].reason != reason)
            continue;
        *ret_option = reasons[i].option;
        return reasons[i].words;
    }
    return NULL;
}

int explain_queue(struct err *e, int code, const char *op, const char *subject)
{
    unsigned long first = ERR_peek_error();
    const char *words = first ? ERR_reason_error_string(first) : NULL;
    ERR_clear_error();
    return err_word(e, code, op, subject, "%s", words ? words : "OpenSSL doesn't say why");
}

static int explain_protocol(const struct tls_session *t, struct err *e)
{
    static const char op[] = "set up TLS with";
    int reason = ERR_GET_REASON(ERR_peek_error());
    int option = NO_OPTION;
    const char *words = reason_words(reason, &option);
    if (t->unverified &&
        (reason == SSL_R_CERTIFICATE_VERIFY_FAILED || reason == SSL_R_INVALID_STATUS_RESPONSE))
        words = t->unverified;
    if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
        words = tls_alert_words((uint8_t)(reason - SSL_AD_REASON_OFFSET));
    if (reason == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL)
        option = OPTION_ALPN;
    if (!words)
        return explain_queue(e, EPROTO, op, t->who);
    ERR_clear_error();
    if (option == NO_OPTION) {
        err_word(e, EPROTO, op, t->who, "%s", words);
        return reason == SSL_R_HTTP_REQUEST ? -EPROTOTYPE : -EPROTO;
    }
    const struct tls_words *w = t->context->words;
    return err_word(e, EPROTO, op, t->who, "%s (%s)", words,
                    option == OPTION_LEAST ? w->least : w->alpn);
}

int explain_failure(struct tls_session *t, int error, struct err *e)
{
    int said = errno;
    if (error != SSL_ERROR_SYSCALL)
        return explain_protocol(t, e);
    if (said)
        return err_set(e, said, "set up TLS with", t->who,
                       said == ECONNRESET ? "in the middle of the handshake: does it speak TLS?"
                                          : NULL);
    return err_word(e, EPROTO, "set up TLS with", t->who, "%s", ended_words);
}
