/* A key and a certificate made on the spot, for a server that has none: nobody vouches for it, so
 * its fingerprint is what a client has to know. It lives as long as the program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "modules/tls/impl.h"

enum {
    VALID_BEFORE = 60 * 60, /* clocks differ */
    VALID_DAYS = 398,       /* what clients take at the most */
    DAY = 24 * 60 * 60,
    SERIAL_BYTES = 16,
    COMMON_NAME_MAX = 64 /* RFC 5280, ub-common-name */
};

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of one length */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return done;
}

static bool set_subject(X509 *certificate, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    size_t n = strnlen(name, COMMON_NAME_MAX);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                      (int)n, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX with;
    X509V3_set_ctx_nodb(&with);
    X509V3_set_ctx(&with, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &with, nid, value);
    bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* What X509V3_EXT_conf reads: names mustn't hold what means something to it. */
static bool is_harmless(const char *name)
{
    return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789.-_:")];
}

static void add_name(struct buf *out, const char *name)
{
    struct in6_addr a;
    bool address = inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
    if (!is_harmless(name) || (!address && strchr(name, ':')))
        return;
    buf_printf(out, "%s%s:%s", out->len ? "," : "", address ? "IP" : "DNS", name);
}

static bool add_names(X509 *certificate, const struct vec *names)
{
    _cleanup_buf_ struct buf text = BUF_INIT(8 << 10);
    for (size_t i = 0; i < names->len; i++)
        add_name(&text, *(const char *const *)vec_at(names, i));
    return text.len == 0 || add_extension(certificate, NID_subject_alt_name, buf_cstr(&text));
}

static bool fill(X509 *certificate, EVP_PKEY *key, const struct vec *names)
{
    const char *first = names->len ? *(const char *const *)vec_at(names, 0) : "localhost";
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_BEFORE) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)VALID_DAYS * DAY) &&
           set_subject(certificate, first) && X509_set_pubkey(certificate, key) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           add_names(certificate, names) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

int self_signed_use(SSL_CTX *ctx, const struct vec *names, struct err *e)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool done = key && certificate && fill(certificate, key, names) &&
                SSL_CTX_use_certificate(ctx, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done ? 0 : explain_queue(e, EPROTO, "make", "a self-signed certificate");
}
