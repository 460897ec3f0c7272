/* nc's -x: asks a proxy, in the original's bytes and with its words for what comes back.
 *
 * flow/proxy speaks the same protocols, but by newer words (HTTP/1.1, passwords for SOCKS 5), and
 * its answers have other texts; here what goes over the wire is part of what must not change.
 * Answers are read by their length, or byte by byte where a line's end is looked for, so that
 * nothing is taken that is the peer's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "dialect/nc.h"

enum { ANSWER_MAX = 1024, SECRET_TRIES = 3 };

struct proxy {
    const struct nc *n;
    int fd;
    const char *host;
    uint16_t port;
};

/* Waits as long as it takes, as the original does. */
static void wait_for(int fd, short event)
{
    struct pollfd p = {.fd = fd, .events = event};

    (void)poll(&p, 1, -1);
}

static void send_all(int fd, const void *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = write(fd, (const char *)bytes + done, n - done);
        if (r > 0)
            done += (size_t)r;
        else if (errno == EAGAIN || errno == EINTR)
            wait_for(fd, POLLOUT);
        else
            nc_die("write failed (%zu/%zu): %s", done, n, strerror(errno));
    }
}

/* How many came: fewer than n at the end or after an error, which errno tells (EPIPE: the end). */
static size_t receive(int fd, void *bytes, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = read(fd, (char *)bytes + done, n - done);
        if (r > 0) {
            done += (size_t)r;
        } else if (r < 0 && (errno == EAGAIN || errno == EINTR)) {
            wait_for(fd, POLLIN);
        } else {
            errno = r == 0 ? EPIPE : errno;
            return done;
        }
    }
    return done;
}

/* told: how many the message says there should have been. */
static void receive_all(int fd, void *bytes, size_t n, size_t told)
{
    size_t done = receive(fd, bytes, n);

    if (done < n)
        nc_die("read failed (%zu/%zu): %s", done, told, strerror(errno));
}

/* SOCKS 5, RFC 1928. */

static void socks5_request(const struct proxy *p, struct buf *out)
{
    unsigned char address[16];
    size_t n = strlen(p->host);

    buf_add(out, "\5\1\0", 3);
    if (inet_pton(AF_INET, p->host, address) == 1) {
        buf_char(out, 1);
        buf_add(out, address, 4);
    } else if (inet_pton(AF_INET6, p->host, address) == 1) {
        buf_char(out, 4);
        buf_add(out, address, 16);
    } else {
        if (n > 255)
            nc_die("hostname too long");
        buf_char(out, 3);
        buf_char(out, (char)n);
        buf_add(out, p->host, n);
    }
    buf_char(out, (char)(p->port >> 8));
    buf_char(out, (char)p->port);
}

static void socks5_take_answer(const struct proxy *p)
{
    static const char *const faults[] = {
        [1] = "General SOCKS server failure", [2] = "Connection not allowed by ruleset",
        [3] = "Network unreachable",          [4] = "Host unreachable",
        [5] = "Connection refused",           [6] = "TTL expired",
        [7] = "Command not supported",        [8] = "Address type not supported",
    };
    unsigned char answer[4], address[18];

    receive_all(p->fd, answer, sizeof(answer), sizeof(answer));
    if (answer[1])
        nc_die("connection failed, SOCKSv5 error: %s",
               answer[1] < sizeof(faults) / sizeof(*faults) ? faults[answer[1]] : "Unknown error");
    if (answer[3] != 1 && answer[3] != 4)
        nc_die("connection failed, unsupported address type");
    size_t left = answer[3] == 1 ? 6 : 18;
    receive_all(p->fd, address, left, left);
}

static void socks5(const struct proxy *p)
{
    _cleanup_buf_ struct buf request = BUF_INIT(512);
    unsigned char method[2];

    send_all(p->fd, "\5\1\0", 3);
    receive_all(p->fd, method, sizeof(method), 3);
    if (method[1] == 0xff)
        nc_die("authentication method negotiation failed");
    socks5_request(p, &request);
    send_all(p->fd, request.data, request.len);
    socks5_take_answer(p);
}

/* SOCKS 4: the name is looked up here. */

static void socks4_address(const struct proxy *p, unsigned char ret[static 4])
{
    struct addrinfo *found, hints = {
                                .ai_family = AF_INET,
                                .ai_socktype = SOCK_STREAM,
                                .ai_protocol = IPPROTO_TCP,
                                .ai_flags = p->n->numeric ? AI_NUMERICHOST : 0,
                            };
    int r = getaddrinfo(p->host, NULL, &hints, &found);

    if (r)
        nc_die("getaddrinfo(\"%s\", \"%u\"): %s", p->host, p->port, gai_strerror(r));
    memcpy(ret, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4);
    freeaddrinfo(found);
}

static void socks4(const struct proxy *p)
{
    unsigned char request[9] = {4, 1, (unsigned char)(p->port >> 8), (unsigned char)p->port};
    unsigned char answer[8];

    socks4_address(p, request + 4);
    send_all(p->fd, request, sizeof(request));
    receive_all(p->fd, answer, sizeof(answer), sizeof(answer));
    if (answer[1] == 90)
        return;
    nc_die("connection failed, SOCKSv4 error: %s",
           answer[1] == 91   ? "Request rejected or failed"
           : answer[1] == 92 ? "SOCKS server cannot connect to identd on the client"
           : answer[1] == 93 ? "Client program and identd report different user-ids"
                             : "Unknown error");
}

/* HTTP's CONNECT. */

/* A line without its end. */
static void receive_line(int fd, char line[static ANSWER_MAX])
{
    size_t n = 0;
    char c;

    for (;;) {
        if (receive(fd, &c, 1) < 1)
            nc_die("proxy read: %s", strerror(errno));
        if (c == '\n')
            break;
        if (n + 1 >= ANSWER_MAX)
            nc_die("proxy read too long");
        line[n++] = c;
    }
    if (n && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
}

static void base64(struct buf *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i += 3) {
        unsigned long three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < n ? (unsigned char)text[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            buf_char(out, i + k > n ? '=' : digits[three >> (18 - 6 * k) & 63]);
    }
}

static void send_login(const struct proxy *p, const char *proxy_host)
{
    _cleanup_buf_ struct buf login = BUF_INIT(1024), line = BUF_INIT(2048);
    const char *user = p->n->proxy_user;
    char prompt[512];

    snprintf(prompt, sizeof(prompt), "Proxy password for %s@%s: ", user, proxy_host);
    char *secret = nc_ask_secret(prompt);
    if (!secret)
        nc_die("Unable to read proxy passphrase");
    buf_printf(&login, "%s:%s", user, secret);
    explicit_bzero(secret, strlen(secret));
    free(secret);
    buf_str(&line, "Proxy-Authorization: Basic ");
    base64(&line, buf_cstr(&login));
    buf_str(&line, "\r\n");
    send_all(p->fd, line.data, line.len);
}

/* Whether to come again with a password. */
static bool connect_through(const struct proxy *p, const char *proxy_host, int attempt)
{
    _cleanup_buf_ struct buf request = BUF_INIT(4096);
    bool v6 = strchr(p->host, ':');
    char first[ANSWER_MAX], line[ANSWER_MAX];

    buf_printf(&request, "CONNECT %s%s%s:%u HTTP/1.0\r\n", v6 ? "[" : "", p->host, v6 ? "]" : "",
               p->port);
    send_all(p->fd, request.data, request.len);
    if (attempt > 0)
        send_login(p, proxy_host);
    send_all(p->fd, "\r\n", 2);
    receive_line(p->fd, first);
    bool wants_login = !strncmp(first, "HTTP/1.0 407 ", 12) || !strncmp(first, "HTTP/1.1 407 ", 12);
    if (wants_login && p->n->proxy_user && attempt < SECRET_TRIES) {
        if (attempt > 0)
            nc_tell("Proxy authentication failed");
        return true;
    }
    if (strncmp(first, "HTTP/1.0 200 ", 12) != 0 && strncmp(first, "HTTP/1.1 200 ", 12) != 0)
        nc_die("Proxy error: \"%s\"", first);
    do
        receive_line(p->fd, line);
    while (*line);
    return false;
}

/* "host", "host:port", "[address]", "[address]:port" of the user's word, which is taken apart. */
static char *split(const struct nc *n, char *word, const char **ret_port)
{
    char *host = word, *colon;

    *ret_port = n->proxy_kind == NC_CONNECT ? "3128" : "1080";
    if (*word == '[') {
        host = word + 1;
        char *end = strchr(host, ']');
        if (!end)
            nc_die("missing closing bracket in proxy");
        *end = '\0';
        if (!end[1])
            return host;
        if (end[1] != ':')
            nc_die("garbage proxy port delimiter");
        colon = end + 1;
    } else {
        colon = strrchr(word, ':');
    }
    if (colon) {
        *colon = '\0';
        *ret_port = colon + 1;
    }
    return host;
}

int nc_connect_proxy(const struct nc *n, const char *host, uint16_t port)
{
    char *word = strdup(n->proxy), numeric[64];
    const char *proxy_port;
    bool again = false;
    int attempt = 0;

    if (!word)
        nc_die("%s", strerror(ENOMEM));
    const char *proxy_host = split(n, word, &proxy_port);
    struct proxy p = {.n = n, .fd = -1, .host = host, .port = port};
    do {
        if (again)
            close(p.fd);
        p.fd = nc_connect_inet(n, proxy_host, proxy_port, numeric);
        if (p.fd < 0)
            break;
        if (n->proxy_kind == NC_SOCKS5)
            socks5(&p);
        else if (n->proxy_kind == NC_SOCKS4)
            socks4(&p);
        else
            again = connect_through(&p, proxy_host, attempt++);
    } while (again);
    free(word);
    return p.fd;
}
