/* nc's messages. Names come from the network, so what would steer a terminal is escaped: the
 * original writes it as it is.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/text.h"
#include "dialect/nc.h"

/* A backslash of the text itself stays one: only control characters are the matter here. */
static void escape(struct buf *out, const char *text, size_t n)
{
    size_t start = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\\')
            continue;
        text_escape(out, text + start, i - start);
        buf_char(out, '\\');
        start = i + 1;
    }
    text_escape(out, text + start, n - start);
}

static void say(const char *prefix, const char *format, va_list args)
{
    _cleanup_buf_ struct buf line = BUF_INIT(1 << 16);
    char words[4096];
    int n = vsnprintf(words, sizeof(words), format, args);

    if (n < 0)
        return;
    buf_str(&line, prefix);
    escape(&line, words, (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1);
    buf_char(&line, '\n');
    (void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

void nc_warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("nc: ", format, args);
    va_end(args);
}

void nc_tell(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("", format, args);
    va_end(args);
}

void nc_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say("nc: ", format, args);
    va_end(args);
    exit(1);
}

void nc_tell_address(const struct nc *n, const char *what, const struct sockaddr *a, socklen_t size)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int flags = NI_NUMERICSERV | (n->numeric ? NI_NUMERICHOST : 0);
    int r = getnameinfo(a, size, host, sizeof(host), port, sizeof(port), flags);

    if (r == EAI_SYSTEM)
        nc_warn("getnameinfo: %s", strerror(errno));
    else if (r)
        nc_warn("getnameinfo: %s", gai_strerror(r));
    else
        nc_tell("%s %s %s", what, host, port);
}

void nc_tell_connected(const struct nc *n, uint16_t port, const char *numeric)
{
    const char *proto = n->udp ? "udp" : "tcp";
    const struct servent *service = n->numeric ? NULL : getservbyport(htons(port), proto);
    bool named = numeric && !n->numeric && strcmp(numeric, n->host) != 0;

    nc_tell("Connection to %s%s%s%s %u port [%s/%s] succeeded!", n->host, named ? " (" : "",
            named ? numeric : "", named ? ")" : "", port, proto, service ? service->s_name : "*");
}
