#include "cmd/proxy_choice.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/fd.h"

enum { PASSWORD_FILE_MAX = 1 << 17 };

static const struct {
    const char *scheme;
    enum proxy_kind kind;
} schemes[] = {
    {"socks4", PROXY_SOCKS4},  {"socks4a", PROXY_SOCKS4A}, {"socks5", PROXY_SOCKS5},
    {"socks5h", PROXY_SOCKS5}, {"socks", PROXY_SOCKS5},    {"http", PROXY_HTTP},
};

static int bad(struct err *e, const char *url, const char *words)
{
    return err_set(e, EINVAL, "use the proxy", url, "%s", words);
}

/* "%41" as "A". False if it doesn't fit. */
static bool decode(char *to, size_t size, const char *from, size_t n)
{
    size_t put = 0;
    for (size_t i = 0; i < n; i++) {
        char c = from[i];
        if (c == '%' && i + 2 < n && isxdigit((unsigned char)from[i + 1]) &&
            isxdigit((unsigned char)from[i + 2])) {
            const char hex[] = {from[i + 1], from[i + 2], '\0'};
            c = (char)strtoul(hex, NULL, 16);
            i += 2;
        }
        if (put + 1 >= size || c == '\0')
            return false;
        to[put++] = c;
    }
    to[put] = '\0';
    return true;
}

static bool read_scheme(struct proxy_choice *p, const char *url, size_t n)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strlen(schemes[i].scheme) == n && strncasecmp(schemes[i].scheme, url, n) == 0) {
            p->kind = schemes[i].kind;
            return true;
        }
    }
    return false;
}

/* "USER[:PASSWORD]" */
static bool read_user(struct proxy_choice *p, const char *text, size_t n)
{
    const char *colon = memchr(text, ':', n);
    size_t user = colon ? (size_t)(colon - text) : n;
    p->has_user = true;
    return decode(p->user, sizeof p->user, text, user) &&
           (!colon || decode(p->password, sizeof p->password, colon + 1, n - user - 1));
}

/* "HOST[:PORT]"; curl's port is 1080 where there is none. */
static int read_host(struct proxy_choice *p, const char *url, const char *text, size_t n,
                     struct err *e)
{
    const char *bracket = memchr(text, ']', n);
    const char *from = bracket ? bracket : text;
    bool has_port = memchr(from, ':', n - (size_t)(from - text)) != NULL;
    if (n == 0 || n > sizeof p->word - 12)
        return bad(e, url, "a proxy is written as socks5://HOST:PORT or http://HOST:PORT");
    /* "tcp:" before it, so that a proxy may be called udp. */
    snprintf(p->word, sizeof p->word, "tcp:%.*s%s", (int)n, text, has_port ? "" : ":1080");
    if (endpoint_parse(p->word, ENDPOINT_SOCKETS_ONLY, &p->endpoint, e) < 0)
        return -EINVAL;
    return 0;
}

int proxy_choice_parse(struct proxy_choice *ret, const char *url, struct err *e)
{
    struct proxy_choice p = {.used = true, .kind = PROXY_HTTP};
    const char *colon = strstr(url, "://"), *text = colon ? colon + 3 : url;
    size_t n = strcspn(text, "/");
    if (colon && !read_scheme(&p, url, (size_t)(colon - url)))
        return bad(e, url, "a proxy is one of socks4, socks4a, socks5 and http");
    const char *at = memrchr(text, '@', n);
    if (at && !read_user(&p, text, (size_t)(at - text)))
        return bad(e, url, "its user or password is too long");
    const char *host = at ? at + 1 : text;
    int result = read_host(&p, url, host, n - (size_t)(host - text), e);
    if (result < 0)
        return result;
    snprintf(p.shown, sizeof p.shown, "%.*s%.290s", colon ? (int)(text - url) : 0, url,
             p.word + strlen("tcp:"));
    *ret = p;
    return 0;
}

/* Exceptions */

static bool has_prefix(const char *word, const struct net_addr *addr)
{
    struct net_prefix prefix;
    return addr->family != AF_UNSPEC && net_prefix_parse(word, &prefix) == 0 &&
           net_prefix_contains(&prefix, addr);
}

/* "example.org" and ".example.org" mean the host and all below it. */
static bool is_below(const char *word, const char *host)
{
    word += *word == '.';
    size_t n = strlen(word), host_n = strlen(host);
    if (host_n && host[host_n - 1] == '.')
        host_n--;
    if (n == 0 || n > host_n || strncasecmp(host + host_n - n, word, n) != 0)
        return false;
    return n == host_n || host[host_n - n - 1] == '.';
}

bool proxy_is_excepted(const char *list, const char *host, const struct net_addr *addr)
{
    char word[256];
    while (*list) {
        size_t n = strcspn(list, ", \t");
        if (n > 0 && n < sizeof word) {
            memcpy(word, list, n);
            word[n] = '\0';
            if (strcmp(word, "*") == 0 || has_prefix(word, addr) || (*host && is_below(word, host)))
                return true;
        }
        list += n + (list[n] != '\0');
    }
    return false;
}

/* The environment */

static const char *variable(const char *name, const char *other)
{
    const char *value = getenv(name);
    if (!value || !*value)
        value = getenv(other);
    return value && *value ? value : NULL;
}

/* This machine is reached without a proxy, whatever the environment says: curl would ask it. */
static bool is_here(const struct endpoint *to)
{
    return to->host == ENDPOINT_THIS_MACHINE || to->host == ENDPOINT_EVERY_INTERFACE ||
           (to->host == ENDPOINT_ADDRESS && net_addr_is_loopback(&to->addr)) ||
           (to->host == ENDPOINT_NAME && strcasecmp(to->name, "localhost") == 0);
}

static const char *of_environment(const struct endpoint *to)
{
    const char *except = variable("no_proxy", "NO_PROXY"), *url = NULL;
    struct net_addr none = {.family = AF_UNSPEC};
    bool named = to->host == ENDPOINT_NAME;
    if (!endpoint_has_port(to->scheme) || to->scheme == ENDPOINT_UDP || is_here(to))
        return NULL;
    if (except && proxy_is_excepted(except, named ? to->name : "", named ? &none : &to->addr))
        return NULL;
    if (to->scheme == ENDPOINT_TLS)
        url = variable("https_proxy", "HTTPS_PROXY");
    return url ? url : variable("all_proxy", "ALL_PROXY");
}

/* Passwords */

static int read_password(struct proxy_choice *p, const char *path, struct err *e)
{
    _cleanup_buf_ struct buf text = BUF_INIT(PASSWORD_FILE_MAX);
    int result = fd_read_file(AT_FDCWD, path, &text);
    if (result < 0)
        return err_set(e, -result, "read", path, NULL);
    size_t n = strcspn(buf_cstr(&text), "\r\n");
    if (n >= sizeof p->password)
        return err_set(e, ENAMETOOLONG, "use the password of", path, NULL);
    memcpy(p->password, text.data, n);
    p->password[n] = '\0';
    return 0;
}

static int find_password(struct proxy_choice *p, const struct proxy_arguments *a, struct err *e)
{
    const char *own = getenv("BERTH_PROXY_PASSWORD");
    if (a->password_file)
        return read_password(p, a->password_file, e);
    if (own && !p->password[0])
        snprintf(p->password, sizeof p->password, "%s", own);
    return 0;
}

int proxy_choose(struct proxy_choice *ret, const struct proxy_arguments *a,
                 const struct endpoint *to, struct err *e)
{
    const char *url = a->proxy ? a->proxy : of_environment(to);
    *ret = (struct proxy_choice){.used = false};
    if (!url || strcmp(url, "none") == 0)
        return 0;
    int result = proxy_choice_parse(ret, url, e);
    if (result < 0)
        return result;
    if (a->proxy && ret->password[0])
        return bad(e, ret->shown,
                   "a password on the command line is seen by everybody: use "
                   "--proxy-password-file or $BERTH_PROXY_PASSWORD");
    if (to->scheme != ENDPOINT_TCP && to->scheme != ENDPOINT_TLS)
        return bad(e, ret->shown, "only TCP goes through a proxy");
    return find_password(ret, a, e);
}
