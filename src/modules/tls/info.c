/* What was agreed on, and the certificates, as plain values.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "modules/tls/impl.h"

enum { MOST_CERTIFICATES = 32, TEXT_MAX = 16 << 10 };

void fingerprint_write(const X509 *certificate, char ret[3 * FINGERPRINT_BYTES + 1])
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    ret[0] = '\0';
    if (X509_digest(certificate, EVP_sha256(), digest, &n) != 1 || n != FINGERPRINT_BYTES)
        return;
    for (unsigned i = 0; i < n; i++) {
        ret[3 * i] = digits[digest[i] >> 4];
        ret[3 * i + 1] = digits[digest[i] & 15];
        ret[3 * i + 2] = ':';
    }
    ret[3 * n - 1] = '\0';
}

/* Names */

static void add_address(struct buf *out, const ASN1_OCTET_STRING *bytes)
{
    char text[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(bytes);
    if (n != 4 && n != 16)
        return;
    if (inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof text))
        buf_str(out, text);
}

static void add_name(struct buf *out, const GENERAL_NAME *name)
{
    size_t before = out->len;
    if (before)
        buf_str(out, ", ");
    size_t start = out->len;
    if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
        buf_add(out, ASN1_STRING_get0_data(name->d.ia5), (size_t)ASN1_STRING_length(name->d.ia5));
    else if (name->type == GEN_IPADD)
        add_address(out, name->d.iPAddress);
    if (!out->failed && out->len == start)
        out->len = before;
}

void certificate_names(struct buf *out, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        add_name(out, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
}

static char *names_of(const X509 *certificate)
{
    _cleanup_buf_ struct buf out = BUF_INIT(TEXT_MAX);
    certificate_names(&out, certificate);
    return strndup(out.data ? out.data : "", out.len);
}

static char *name_text(const X509_NAME *name)
{
    char *text = NULL, *result = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long n = BIO_get_mem_data(bio, &text);
        result = strndup(text ? text : "", (size_t)n);
    }
    BIO_free(bio);
    return result;
}

/* Keys and times */

static char *key_text(const X509 *certificate)
{
    _cleanup_buf_ struct buf out = BUF_INIT(256);
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    char group[64];
    const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;
    buf_str(&out, type ? type : "unknown");
    if (key && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1)
        buf_printf(&out, " %s", group);
    else if (key)
        buf_printf(&out, " %d", EVP_PKEY_get_bits(key));
    return strdup(buf_cstr(&out));
}

static int64_t seconds(const ASN1_TIME *at)
{
    struct tm tm;
    return ASN1_TIME_to_tm(at, &tm) == 1 ? timegm(&tm) : 0;
}

/* All */

static int fill(struct tls_certificate *to, X509 *from)
{
    char fingerprint[3 * FINGERPRINT_BYTES + 1];
    fingerprint_write(from, fingerprint);
    to->subject = name_text(X509_get_subject_name(from));
    to->issuer = name_text(X509_get_issuer_name(from));
    to->names = names_of(from);
    to->key = key_text(from);
    to->fingerprint = strdup(fingerprint);
    to->from = seconds(X509_get0_notBefore(from));
    to->until = seconds(X509_get0_notAfter(from));
    to->self_signed = X509_self_signed(from, 0) == 1;
    return to->subject && to->issuer && to->names && to->key && to->fingerprint ? 0 : -ENOMEM;
}

static int add_certificate(struct tls_info *info, X509 *from)
{
    struct tls_certificate *to = vec_push(&info->chain);
    return to ? fill(to, from) : -ENOMEM;
}

/* SSL_get_peer_cert_chain leaves the peer's own out on a server. A certificate that isn't good
 * enough has come no further than our hands. */
static int add_chain(struct tls_info *info, const struct tls_session *t)
{
    X509 *own = SSL_get0_peer_certificate(t->ssl);
    STACK_OF(X509) *chain = own ? SSL_get_peer_cert_chain(t->ssl) : t->refused;
    int result = own ? add_certificate(info, own) : 0;
    for (int i = 0; result == 0 && i < sk_X509_num(chain) && i < MOST_CERTIFICATES; i++) {
        X509 *one = sk_X509_value(chain, i);
        if (!own || X509_cmp(own, one) != 0)
            result = add_certificate(info, one);
    }
    return result;
}

static char *alpn_text(const SSL *ssl)
{
    const unsigned char *name;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &name, &n);
    return strndup(n ? (const char *)name : "", n);
}

static const char *verified_text(const struct tls_session *t)
{
    if (t->unverified)
        return t->unverified;
    if (!SSL_get0_peer_certificate(t->ssl))
        return "it showed no certificate";
    if (t->context->role == TLS_CLIENT && !t->name && !t->context->pinned)
        return "it isn't known what name it should bear";
    return "";
}

int session_info(const struct tls_session *t, struct tls_info *ret)
{
    const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    ret->chain = VEC_INIT(struct tls_certificate);
    ret->version = strdup(SSL_get_version(t->ssl));
    ret->cipher = strdup(SSL_get_cipher_name(t->ssl));
    ret->alpn = alpn_text(t->ssl);
    ret->sni = strdup(sni ? sni : "");
    ret->verified = strdup(verified_text(t));
    if (!ret->version || !ret->cipher || !ret->alpn || !ret->sni || !ret->verified)
        return -ENOMEM;
    return add_chain(ret, t);
}
