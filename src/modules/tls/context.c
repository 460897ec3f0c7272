/* Contexts: the files read, what is asked of peers, the protocols above.
 */
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "modules/tls/impl.h"

/* 128 KiB read at once spare more calls than 16 records do; docs/performance.md. */
enum { READ_AHEAD = 128 << 10 };

/* The certificate and its key */

/* Nobody is asked for a passphrase: a listener that restarts has nobody to ask. */
/* NOLINTNEXTLINE(readability-non-const-parameter): pem_password_cb(3) */
static int no_passphrase(char *to, int n, int writing, void *data)
{
    (void)to, (void)n, (void)writing;
    *(bool *)data = true;
    return -1;
}

static int check_readable(const char *op, const char *path, struct err *e)
{
    return access(path, R_OK) == 0 ? 0 : err_set(e, errno, op, path, NULL);
}

static int read_key(SSL_CTX *ctx, const char *path, struct err *e)
{
    static const char op[] = "use the key of";
    bool encrypted = false;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, &encrypted);
    int done = SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    if (encrypted)
        return err_word(e, EACCES, op, path,
                        "it is encrypted: 'openssl pkey -in FILE -out FILE2' writes it without its "
                        "passphrase");
    if (done == 1)
        return 0;
    unsigned long first = ERR_peek_error();
    if (ERR_GET_REASON(first) == X509_R_KEY_VALUES_MISMATCH)
        return err_word(e, EINVAL, op, path, "it isn't the key of the certificate");
    if (ERR_GET_REASON(first) == PEM_R_NO_START_LINE || ERR_GET_LIB(first) == ERR_LIB_OSSL_DECODER)
        return err_word(e, EINVAL, op, path,
                        "there is no private key in it that could be read "
                        "(PEM: -----BEGIN PRIVATE KEY-----)");
    return explain_queue(e, EINVAL, op, path);
}

static int read_certificate(SSL_CTX *ctx, const char *path, struct err *e)
{
    static const char op[] = "use the certificate of";
    if (SSL_CTX_use_certificate_chain_file(ctx, path) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE)
        return err_word(e, EINVAL, op, path,
                        "there is no certificate in it (PEM: -----BEGIN CERTIFICATE-----)");
    return explain_queue(e, EINVAL, op, path);
}

static int use_certificate(SSL_CTX *ctx, const struct tls_config *config, struct err *e)
{
    const char *key = config->key ? config->key : config->certificate;
    if (!config->certificate)
        return config->self_signed ? self_signed_use(ctx, config->self_signed, e) : 0;
    int result = check_readable("read the certificate", config->certificate, e);
    if (result == 0)
        result = check_readable("read the key", key, e);
    if (result == 0)
        result = read_certificate(ctx, config->certificate, e);
    if (result == 0)
        result = read_key(ctx, key, e);
    return result;
}

/* Who may vouch for peers */

static int use_authorities(SSL_CTX *ctx, const struct tls_config *config, struct err *e)
{
    struct stat st;
    if (config->peer == TLS_PEER_ANY && !config->ca)
        return 0;
    if (!config->ca) {
        SSL_CTX_set_default_verify_paths(ctx);
        return 0;
    }
    static const char op[] = "read the certificates of";
    if (stat(config->ca, &st) < 0)
        return err_set(e, errno, op, config->ca, NULL);
    int done = S_ISDIR(st.st_mode) ? SSL_CTX_load_verify_dir(ctx, config->ca)
                                   : SSL_CTX_load_verify_file(ctx, config->ca);
    if (done != 1)
        return explain_queue(e, EINVAL, op, config->ca);
    /* Clients are told whose certificates would do. */
    if (config->role == TLS_SERVER && !S_ISDIR(st.st_mode))
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(config->ca));
    return 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static int read_pin(struct context *c, const char *text, struct err *e)
{
    static const char prefix[] = "sha256:";
    const char *at = text;
    size_t n = 0;
    if (strncasecmp(at, prefix, sizeof prefix - 1) == 0)
        at += sizeof prefix - 1;
    while (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]) &&
           n < FINGERPRINT_BYTES) {
        c->pin[n++] = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
        at += 2;
        if (*at == ':')
            at++;
    }
    if (*at || n != FINGERPRINT_BYTES)
        return err_word(e, EINVAL, "use the fingerprint", text,
                        "a SHA-256 fingerprint has 32 pairs of hexadecimal digits");
    c->pinned = true;
    return 0;
}

/* Protocols above (RFC 7301) */

static int read_alpn(struct context *c, const char *text, struct err *e)
{
    size_t length = strlen(text);
    c->alpn = malloc(length + 1);
    if (!c->alpn)
        return err_set(e, ENOMEM, "set up", "TLS", NULL);
    for (const char *at = text;;) {
        size_t n = strcspn(at, ",");
        if (n == 0 || n > UINT8_MAX || c->alpn_n + n >= UINT16_MAX)
            return err_word(e, EINVAL, "offer the protocols", text,
                            "names of 1 to 255 bytes, with commas between: h2,http/1.1");
        c->alpn[c->alpn_n++] = (unsigned char)n;
        memcpy(c->alpn + c->alpn_n, at, n);
        c->alpn_n += (unsigned)n;
        if (!at[n])
            return 0;
        at += n + 1;
    }
}

static int select_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                       const unsigned char *offered, unsigned n, void *data)
{
    const struct context *c = data;
    (void)ssl;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_n, c->alpn, c->alpn_n, offered, n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int use_alpn(struct context *c, const char *text, struct err *e)
{
    int result = read_alpn(c, text, e);
    if (result < 0)
        return result;
    if (c->role == TLS_SERVER)
        SSL_CTX_set_alpn_select_cb(c->ctx, select_alpn, c);
    else if (SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_n) != 0)
        return err_set(e, ENOMEM, "set up", "TLS", NULL);
    return 0;
}

/* Versions and ciphers */

static int version_number(enum tls_version version)
{
    return version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

/* OpenSSL takes the suites of TLS 1.3 and those before by two functions. */
static int split_ciphers(const char *text, struct buf *suites, struct buf *older)
{
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ":, ");
        struct buf *to = strncmp(at, "TLS_", 4) == 0 ? suites : older;
        if (n > 0 && to->len > 0)
            buf_char(to, ':');
        buf_add(to, at, n);
        at += n + strspn(at + n, ":, ");
    }
    (void)buf_cstr(suites), (void)buf_cstr(older);
    return suites->failed || older->failed ? -E2BIG : 0;
}

static int use_ciphers(SSL_CTX *ctx, const char *text, struct err *e)
{
    static const char op[] = "use the ciphers";
    _cleanup_buf_ struct buf suites = BUF_INIT(4096), older = BUF_INIT(4096);
    if (split_ciphers(text, &suites, &older) < 0)
        return err_set(e, E2BIG, op, text, NULL);
    if (suites.len + older.len == 0)
        return err_word(e, EINVAL, op, text, "there is none");
    if ((suites.len && SSL_CTX_set_ciphersuites(ctx, buf_cstr(&suites)) != 1) ||
        (older.len && SSL_CTX_set_cipher_list(ctx, buf_cstr(&older)) != 1))
        return explain_queue(e, EINVAL, op, text);
    if (older.len == 0)
        SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    return 0;
}

/* All of it */

static void set_modes(SSL_CTX *ctx, const struct tls_config *config)
{
    static const unsigned char session_id[] = "berth";
    SSL_CTX_set_min_proto_version(ctx, version_number(config->least));
    SSL_CTX_set_max_proto_version(ctx, config->no_later ? version_number(config->least) : 0);
    /* AES with keys of 128 bits first: as far from being broken, and faster. */
    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                  "TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* What couldn't be written is given again from another place (the pump keeps it); buffers of
     * idle connections are given back. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
    SSL_CTX_set_session_id_context(ctx, session_id, sizeof session_id - 1);
}

static int set_up(struct context *c, const struct tls_config *config, struct err *e)
{
    set_modes(c->ctx, config);
    int result = config->ciphers ? use_ciphers(c->ctx, config->ciphers, e) : 0;
    if (result == 0)
        result = use_certificate(c->ctx, config, e);
    if (result == 0)
        result = use_authorities(c->ctx, config, e);
    if (result == 0 && config->fingerprint)
        result = read_pin(c, config->fingerprint, e);
    if (result == 0 && config->alpn)
        result = use_alpn(c, config->alpn, e);
    if (result == 0)
        result = staple_use(c, config, e);
    if (result < 0)
        return result;
    verify_use(c);
    const X509 *own = SSL_CTX_get0_certificate(c->ctx);
    if (own)
        fingerprint_write(own, c->head.fingerprint);
    return 0;
}

static const struct tls_words usual_words[] = {
    [TLS_CLIENT] = {.name = "--tls-name",
                    .ca = "--tls-ca",
                    .trust = "--tls-ca or --tls-fingerprint",
                    .least = "--tls-min",
                    .alpn = "--tls-alpn"},
    [TLS_SERVER] = {.name = "",
                    .ca = "--tls-ca",
                    .trust = "--tls-ca",
                    .least = "--tls-min",
                    .alpn = "--tls-alpn"},
};

int context_new(const struct tls_config *config, struct tls_context **ret, struct err *e)
{
    struct context *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ENOMEM, "set up", "TLS", NULL);
    ERR_clear_error();
    c->head.module = &berth_tls_module;
    c->role = config->role;
    c->peer = config->peer;
    c->words = config->words ? config->words : &usual_words[config->role];
    c->ctx = SSL_CTX_new(config->role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    c->wire = wire_method();
    atomic_init(&c->users, 1);
    int result =
        c->ctx && c->wire ? set_up(c, config, e) : explain_queue(e, ENOMEM, "set up", "TLS");
    ERR_clear_error();
    if (result < 0) {
        context_free(&c->head);
        return result;
    }
    *ret = &c->head;
    return 0;
}

void context_free(struct tls_context *head)
{
    context_release((struct context *)head);
}

void context_release(struct context *c)
{
    if (atomic_fetch_sub(&c->users, 1) > 1)
        return;
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->wire);
    free(c->alpn);
    OPENSSL_free(c->staple);
    free(c);
}
