/* Who may ask: users and their passwords, told by Basic authentication (RFC 7617). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"

struct http_auth {
    struct vec users; /* what each sends, "USER:PASSWORD" in base64; none: anybody may ask */
};

#define HTTP_AUTH_INIT                      \
    {                                       \
        .users = VEC_INIT(struct http_user) \
    }

struct http_user {
    char *name;
    char *token;
    size_t n_token;
};

/* 0, or -EINVAL (a name with a colon or a control character, an empty password), or -ENOMEM. */
int http_auth_add(struct http_auth *a, const char *name, const char *password);
void http_auth_free(struct http_auth *a);
/* The user's name that an Authorization field proves, or NULL. The time it takes doesn't tell how
 * much of a password is right. */
const char *http_auth_check(const struct http_auth *a, const char *field, size_t n);
