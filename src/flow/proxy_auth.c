/* Challenges of HTTP, and the answers to them: RFC 9110 (11), 7617 (Basic), 7616 (Digest). */
#include <ctype.h>
#include <md5.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "flow/proxy_impl.h"

/* Reading */

struct cursor {
    const char *at, *end;
};

static void skip(struct cursor *c, const char *bytes)
{
    while (c->at < c->end && strchr(bytes, *c->at) && *c->at)
        c->at++;
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~/", c));
}

/* A token, or a quoted text without its quotes. False if it is longer than there is room. */
static bool read_word(struct cursor *c, char *to, size_t size)
{
    size_t n = 0;
    bool quoted = c->at < c->end && *c->at == '"', fits = true;
    c->at += quoted;
    while (c->at < c->end && (quoted ? *c->at != '"' : is_token(*c->at))) {
        if (quoted && *c->at == '\\' && c->at + 1 < c->end)
            c->at++;
        fits = n + 1 < size;
        if (fits)
            to[n++] = *c->at;
        c->at++;
    }
    to[n] = '\0';
    if (quoted && c->at < c->end)
        c->at++;
    return fits;
}

static void set_algorithm(struct proxy_challenge *c)
{
    static const struct {
        const char *name;
        enum proxy_auth auth;
        bool session;
    } known[] = {{"", PROXY_AUTH_MD5, false},
                 {"MD5", PROXY_AUTH_MD5, false},
                 {"MD5-sess", PROXY_AUTH_MD5, true},
                 {"SHA-256", PROXY_AUTH_SHA256, false},
                 {"SHA-256-sess", PROXY_AUTH_SHA256, true}};
    c->auth = PROXY_AUTH_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(c->algorithm, known[i].name) == 0) {
            c->auth = known[i].auth;
            c->session = known[i].session;
        }
    }
}

static bool names_auth(const char *qops)
{
    for (const char *at = qops; (at = strcasestr(at, "auth")) != NULL; at += 4)
        if (at[4] != '-' && (at == qops || strchr(", ", at[-1])))
            return true;
    return false;
}

/* One parameter of a challenge. False if it can't be answered with it. */
static bool set_parameter(struct proxy_challenge *c, const char *name, struct cursor *at)
{
    char value[64] = "";
    if (strcasecmp(name, "realm") == 0)
        return read_word(at, c->realm, sizeof c->realm);
    if (strcasecmp(name, "nonce") == 0)
        return read_word(at, c->nonce, sizeof c->nonce);
    if (strcasecmp(name, "opaque") == 0)
        return read_word(at, c->opaque, sizeof c->opaque);
    if (strcasecmp(name, "algorithm") == 0)
        return read_word(at, c->algorithm, sizeof c->algorithm);
    read_word(at, value, sizeof value);
    if (strcasecmp(name, "qop") == 0) {
        c->qop = names_auth(value);
        return c->qop; /* auth-int alone would cover a body that there isn't */
    }
    return true;
}

/* The one that was read becomes the one to answer if it is stronger. */
static void keep_stronger(struct proxy_challenge *c, struct proxy_challenge *read,
                          const char *scheme, bool usable)
{
    if (strcasecmp(scheme, "Basic") == 0)
        read->auth = PROXY_AUTH_BASIC;
    else if (strcasecmp(scheme, "Digest") == 0 && usable && read->nonce[0])
        set_algorithm(read);
    if (read->auth > c->auth)
        *c = *read;
}

void proxy_challenge_read(struct proxy_challenge *c, const char *value, size_t n)
{
    struct cursor at = {value, value + n};
    struct proxy_challenge read = {.auth = PROXY_AUTH_NONE};
    char scheme[32] = "", word[32];
    bool usable = true;
    for (;;) {
        skip(&at, " \t,\r");
        const char *before = at.at;
        bool fits = read_word(&at, word, sizeof word);
        if (at.at == before)
            break; /* the end, or what no challenge has */
        skip(&at, " \t");
        if (at.at < at.end && *at.at == '=') {
            at.at++;
            skip(&at, " \t");
            usable = set_parameter(&read, word, &at) && usable;
            continue;
        }
        keep_stronger(c, &read, scheme, usable);
        read = (struct proxy_challenge){.auth = PROXY_AUTH_NONE};
        usable = fits;
        memcpy(scheme, word, sizeof scheme);
    }
    keep_stronger(c, &read, scheme, usable);
}

/* Answering */

static void put_base64(struct buf *out, const char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < n ? (unsigned char)bytes[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_char(out, i + k <= n ? digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

/* H(a ":" b ":" c …) of RFC 7616, in hexadecimal. */
struct digest {
    char hex[SHA256_DIGEST_STRING_LENGTH];
};

static struct digest hash(enum proxy_auth auth, struct buf *text)
{
    struct digest d = {""};
    const uint8_t *bytes = (const uint8_t *)buf_cstr(text);
    if (auth == PROXY_AUTH_SHA256)
        SHA256Data(bytes, text->len, d.hex);
    else
        MD5Data(bytes, text->len, d.hex);
    return d;
}

static struct digest hash_words(enum proxy_auth auth, const char *const *words, size_t n)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 13);
    for (size_t i = 0; i < n; i++) {
        buf_str(&text, i ? ":" : "");
        buf_str(&text, words[i]);
    }
    return hash(auth, &text);
}
#define HASH(auth, ...)                                  \
    hash_words(auth, (const char *const[]){__VA_ARGS__}, \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_quoted(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_char(out, '\\');
        buf_char(out, *value);
    }
    buf_char(out, '"');
}

static void answer_basic(struct buf *out, const char *user, const char *password)
{
    _cleanup_buf_ struct buf both = BUF_INIT(2 * PROXY_TEXT_MAX + 2);
    buf_printf(&both, "%s:%s", user, password);
    buf_str(out, "Basic ");
    put_base64(out, both.data, both.len);
}

static void answer_digest(struct buf *out, const struct proxy_challenge *c, const char *user,
                          const char *password, const char *uri, const char *cnonce)
{
    static const char count[] = "00000001";
    struct digest a1 = HASH(c->auth, user, c->realm, password);
    if (c->session)
        a1 = HASH(c->auth, a1.hex, c->nonce, cnonce);
    struct digest a2 = HASH(c->auth, "CONNECT", uri);
    struct digest response = c->qop ? HASH(c->auth, a1.hex, c->nonce, count, cnonce, "auth", a2.hex)
                                    : HASH(c->auth, a1.hex, c->nonce, a2.hex);
    buf_str(out, "Digest ");
    put_quoted(out, "username", user);
    put_quoted(out, ", realm", c->realm);
    put_quoted(out, ", nonce", c->nonce);
    put_quoted(out, ", uri", uri);
    put_quoted(out, ", response", response.hex);
    if (c->algorithm[0])
        buf_printf(out, ", algorithm=%s", c->algorithm);
    if (c->opaque[0])
        put_quoted(out, ", opaque", c->opaque);
    if (c->qop || c->session)
        put_quoted(out, ", cnonce", cnonce);
    if (c->qop)
        buf_printf(out, ", qop=auth, nc=%s", count);
}

void proxy_challenge_answer(struct buf *out, const struct proxy_challenge *c, const char *user,
                            const char *password, const char *uri, const char *cnonce)
{
    if (c->auth == PROXY_AUTH_BASIC)
        answer_basic(out, user, password);
    else
        answer_digest(out, c, user, password, uri, cnonce);
}
