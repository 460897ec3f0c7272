/* The parts of proxy.c: one for each protocol. */
#pragma once
#include "flow/proxy.h"

int proxy_fail(struct err *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int proxy_socks4_begin(struct proxy_talk *t, struct err *e);
ssize_t proxy_socks4_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e);
int proxy_socks5_begin(struct proxy_talk *t, struct err *e);
ssize_t proxy_socks5_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e);
int proxy_http_begin(struct proxy_talk *t, struct err *e);
ssize_t proxy_http_take(struct proxy_talk *t, const char *bytes, size_t n, struct err *e);

/* The value of a Proxy-Authenticate header: *c becomes the strongest of what it held and the
 * challenges of this one that we can answer. */
void proxy_challenge_read(struct proxy_challenge *c, const char *value, size_t n);
/* The value of Proxy-Authorization for CONNECT of uri. cnonce: a word of ours that nobody can
 * foresee. */
void proxy_challenge_answer(struct buf *out, const struct proxy_challenge *c, const char *user,
                            const char *password, const char *uri, const char *cnonce);
