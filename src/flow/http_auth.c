#include "flow/http_auth.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

enum { SECRET_MAX = 4096 };

static void put_base64(struct buf *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t here = n - i < 3 ? n - i : 3;
        unsigned group = (unsigned)bytes[i] << 16 | (here > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (here > 2 ? (unsigned)bytes[i + 2] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_char(out, k <= here ? digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == ':')
            return false;
    return *name != '\0';
}

int http_auth_add(struct http_auth *a, const char *name, const char *password)
{
    _cleanup_buf_ struct buf plain = BUF_INIT(SECRET_MAX);
    _cleanup_buf_ struct buf token = BUF_INIT(2 * SECRET_MAX);
    if (!is_name(name) || *password == '\0')
        return -EINVAL;
    buf_str(&plain, name);
    buf_char(&plain, ':');
    buf_str(&plain, password);
    if (plain.failed)
        return -EINVAL;
    put_base64(&token, (const unsigned char *)plain.data, plain.len);
    explicit_bzero(plain.data, plain.len);
    struct http_user u = {
        .name = strdup(name), .token = strdup(buf_cstr(&token)), .n_token = token.len};
    if (token.failed || !u.name || !u.token || vec_add(&a->users, &u) < 0) {
        free(u.name);
        free(u.token);
        return -ENOMEM;
    }
    return 0;
}

void http_auth_free(struct http_auth *a)
{
    for (size_t i = 0; i < a->users.len; i++) {
        struct http_user *u = vec_at(&a->users, i);
        explicit_bzero(u->token, u->n_token);
        free(u->name);
        free(u->token);
    }
    vec_free(&a->users);
}

static bool is_equal(const char *secret, size_t n, const char *said, size_t n_said)
{
    volatile unsigned char differs = n != n_said;
    for (size_t i = 0; i < n_said; i++)
        differs |= (unsigned char)(secret[i % n] ^ said[i]);
    return !differs;
}

const char *http_auth_check(const struct http_auth *a, const char *field, size_t n)
{
    static const char scheme[] = "basic ";
    const char *name = NULL;
    if (n < sizeof scheme || strncasecmp(field, scheme, sizeof scheme - 1) != 0)
        return NULL;
    field += sizeof scheme - 1;
    n -= sizeof scheme - 1;
    while (n > 0 && *field == ' ')
        field++, n--;
    for (size_t i = 0; i < a->users.len; i++) {
        const struct http_user *u = vec_at(&a->users, i);
        if (is_equal(u->token, u->n_token, field, n))
            name = u->name;
    }
    return name;
}
