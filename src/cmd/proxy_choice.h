/* Which proxy a connection goes through, from options or from the environment as curl(1) reads it.
 *
 * ALL_PROXY and all_proxy; for TLS HTTPS_PROXY and https_proxy before them; NO_PROXY and no_proxy
 * name the hosts that are reached without. What is written on the command line wins. A password is
 * taken from a file or from the environment: others see a command line.
 */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "flow/proxy.h"
#include "net/endpoint.h"

struct err;

struct proxy_arguments {
    const char
        *proxy; /* the option's word; "none": no proxy at all; NULL: as the environment has it */
    const char *password_file;
};

/* Rows of an option table whose arguments' struct has a member `proxy`. */
#define PROXY_OPTIONS(arguments)                                                                 \
    {.name = "proxy",                                                                            \
     .letter = 'x',                                                                              \
     .type = OPTION_TEXT,                                                                        \
     .field = offsetof(arguments, proxy.proxy),                                                  \
     .metavar = "URL",                                                                           \
     .group = "Proxy",                                                                           \
     .help = "connect through [socks4|socks4a|socks5|http]://[USER@]HOST:PORT; none: directly"}, \
        {.name = "proxy-password-file",                                                          \
         .type = OPTION_TEXT,                                                                    \
         .field = offsetof(arguments, proxy.password_file),                                      \
         .metavar = "FILE",                                                                      \
         .completes = "file",                                                                    \
         .help = "its first line is the password for the proxy (else $BERTH_PROXY_PASSWORD)"},

struct proxy_choice {
    bool used;
    enum proxy_kind kind;
    char user[256], password[256]; /* has_user: there is one */
    bool has_user;
    char shown[320]; /* the URL without its password */
    char word[300];  /* "HOST:PORT", which `endpoint` was parsed from */
    struct endpoint endpoint;
};

/* For a connection to an endpoint. 0; or a negative errno with *e filled: -EINVAL for a mistake in
 * the words, whose hint stands alone. */
int proxy_choose(struct proxy_choice *ret, const struct proxy_arguments *a,
                 const struct endpoint *to, struct err *e);

/* Parts of it, for tests: an URL; whether a list of hosts has this one. */
int proxy_choice_parse(struct proxy_choice *ret, const char *url, struct err *e);
bool proxy_is_excepted(const char *list, const char *host, const struct net_addr *addr);
