/* OCSP's answers about certificates, stapled to the handshake (RFC 6066, 8): a server shows what it
 * has in a file, a client that demands one judges it. Nobody is asked over the network.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "modules/tls/impl.h"

enum {
    ANSWER_MAX = 64 << 10,
    CLOCKS_DIFFER = 5 * 60,     /* seconds */
    OLDEST = 14 * 24 * 60 * 60, /* of an answer that doesn't say when the next will be */
};

/* A server */

static int show(SSL *ssl, void *data)
{
    const struct context *c = data;
    unsigned char *copy = OPENSSL_memdup(c->staple, c->staple_n);
    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->staple_n);
    return SSL_TLSEXT_ERR_OK;
}

static bool is_answer(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    OCSP_RESPONSE *answer = d2i_OCSP_RESPONSE(NULL, &at, (long)n);
    OCSP_RESPONSE_free(answer);
    return answer;
}

static int read_answer(struct context *c, const char *path, struct err *e)
{
    static const char op[] = "show OCSP's answer of";
    _cleanup_buf_ struct buf bytes = BUF_INIT(ANSWER_MAX);
    int result = fd_read_file(AT_FDCWD, path, &bytes);
    if (result < 0)
        return err_set(e, -result, op, path, NULL);
    if (!is_answer(bytes.data, bytes.len))
        return err_word(e, EINVAL, op, path,
                        "there is none in it (DER, as 'openssl ocsp -respout' writes it)");
    c->staple = OPENSSL_memdup(bytes.data, bytes.len);
    c->staple_n = bytes.len;
    return c->staple ? 0 : err_set(e, ENOMEM, op, path, NULL);
}

/* A client */

/* The answer's part about this certificate; responders name it by one digest or another. */
static bool find_status(OCSP_BASICRESP *basic, const X509 *certificate, const X509 *issuer,
                        int *ret_status, ASN1_GENERALIZEDTIME **ret_from,
                        ASN1_GENERALIZEDTIME **ret_until)
{
    const EVP_MD *const digests[] = {EVP_sha1(), EVP_sha256()};
    bool found = false;
    for (size_t i = 0; !found && i < sizeof digests / sizeof *digests; i++) {
        OCSP_CERTID *id = OCSP_cert_to_id(digests[i], certificate, issuer);
        found = id &&
                OCSP_resp_find_status(basic, id, ret_status, NULL, NULL, ret_from, ret_until) == 1;
        OCSP_CERTID_free(id);
    }
    return found;
}

/* NULL: the certificate is good; else what is wrong. Only who vouched for it in this connection may
 * speak of it, or whom he let. */
static const char *judge_basic(SSL *ssl, OCSP_BASICRESP *basic)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    X509 *certificate = sk_X509_value(chain, 0);
    const X509 *issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : certificate;
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int status;
    if (!certificate ||
        OCSP_basic_verify(basic, chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) != 1)
        return "the OCSP answer with its certificate isn't of anybody who may give one";
    if (!find_status(basic, certificate, issuer, &status, &from, &until))
        return "the OCSP answer with its certificate is about another";
    if (OCSP_check_validity(from, until, CLOCKS_DIFFER, until ? -1 : OLDEST) != 1)
        return "the OCSP answer with its certificate is out of date";
    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return "its certificate was revoked";
    return status == V_OCSP_CERTSTATUS_GOOD ? NULL : "OCSP doesn't know its certificate";
}

static const char *judge_answer(SSL *ssl, OCSP_RESPONSE *answer)
{
    if (!answer)
        return "the OCSP answer with its certificate can't be read";
    if (OCSP_response_status(answer) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return "the OCSP answer with its certificate is none, but an error";
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(answer);
    const char *fault =
        basic ? judge_basic(ssl, basic) : "the OCSP answer with its certificate can't be read";
    OCSP_BASICRESP_free(basic);
    return fault;
}

static int judge(SSL *ssl, void *data)
{
    const unsigned char *bytes = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
    const char *fault = "it showed no OCSP answer about its certificate";
    (void)data;
    if (bytes && n > 0) {
        OCSP_RESPONSE *answer = d2i_OCSP_RESPONSE(NULL, &bytes, n);
        fault = judge_answer(ssl, answer);
        OCSP_RESPONSE_free(answer);
    }
    if (!fault)
        return 1;
    _cleanup_buf_ struct buf words = BUF_INIT(256);
    buf_str(&words, fault);
    verify_keep(SSL_get_app_data(ssl), &words, NULL);
    ERR_clear_error(); /* the handshake's own error has to be the first */
    return 0;
}

int staple_use(struct context *c, const struct tls_config *config, struct err *e)
{
    if (c->role == TLS_SERVER && config->staple) {
        SSL_CTX_set_tlsext_status_cb(c->ctx, show);
        SSL_CTX_set_tlsext_status_arg(c->ctx, c);
        return read_answer(c, config->staple, e);
    }
    if (c->role == TLS_CLIENT && config->must_staple) {
        SSL_CTX_set_tlsext_status_type(c->ctx, TLSEXT_STATUSTYPE_ocsp);
        SSL_CTX_set_tlsext_status_cb(c->ctx, judge);
    }
    return 0;
}
