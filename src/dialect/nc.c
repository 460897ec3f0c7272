/* The old tongue nc: netcat-openbsd as Debian 12 ships it (1.219), option by option.
 *
 * It talks by the engine's plain mode (flow/plain), since people and scripts count on the very
 * calls: one conversation at a time. Here is what it does in which order; how each socket comes to
 * be is in nc_inet and nc_unix, the command line in nc_options.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "dialect/dialects.h"
#include "dialect/nc.h"
#include "flow/tls.h"

static void quit(int sig)
{
    (void)sig;
    _exit(0);
}

/* After -q nothing moves any more, but the time has to pass. */
static void wait_to_quit(const struct nc *n)
{
    signal(SIGALRM, quit);
    alarm((unsigned)n->quit_s);
    for (;;)
        pause();
}

/* What -q and the listener's end ask for when a conversation is over. */
static void after_talk(const struct nc *n, int end)
{
    if (end == PLAIN_TIMED_OUT)
        return;
    if (n->quit_s > 0)
        wait_to_quit(n);
    if (end == PLAIN_INPUT_OVER && n->quit_s == 0 && n->listen)
        exit(0);
}

/* above: NULL without TLS. */
static int talk_over(const struct nc *n, int fd, struct stream *above)
{
    const struct plain p = {
        .in = n->no_input ? -1 : STDIN_FILENO,
        .out = STDOUT_FILENO,
        .net = fd,
        .above = above,
        .timeout_ms = n->timeout_ms,
        .interval_s = n->interval_s,
        .reads = n->reads,
        .half_close = n->half_close,
        .ends_with_input = n->quit_s >= 0 && !n->no_input && (n->listen || n->udp),
        .ends_with_net = n->listen,
        .crlf = n->crlf,
        .telnet = n->telnet,
    };
    int r = plain_talk(&p);

    if (r < 0)
        nc_die("polling error: %s", strerror(-r));
    return r;
}

static void talk_tls(const struct nc *n, int fd, const char *peer)
{
    struct tls_fault fault = {0};
    struct stream s;
    int end = PLAIN_TIMED_OUT;

    if (!nc_tls_begin(n, fd, peer, &s, &fault))
        return;
    if (!n->zero)
        end = talk_over(n, fd, &s);
    nc_tls_end(n, &s, &fault);
    after_talk(n, end);
}

/* The conversation, and the socket's end. */
static void talk(const struct nc *n, int fd)
{
    int end = talk_over(n, fd, NULL);

    close(fd);
    after_talk(n, end);
}

/* -F: whoever has the other end of standard output gets the connection. */
static _Noreturn void pass(int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec byte = {.iov_base = (char[]){0}, .iov_len = 1};
    struct msghdr m = {
        .msg_iov = &byte,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control.space),
    };

    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (sendmsg(STDOUT_FILENO, &m, 0) < 0)
        nc_die("sendmsg: %s", strerror(errno));
    exit(0);
}

/* Listening. */

static void tell_received(const struct nc *n, const struct sockaddr *peer, socklen_t size)
{
    if (!n->verbose)
        return;
    if (n->family == AF_UNIX)
        nc_tell("Connection received on %s", n->host);
    else
        nc_tell_address(n, "Connection received on", peer, size);
}

/* The socket of datagrams becomes the conversation with whoever sent the first. */
static void receive_from_first(const struct nc *n, int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    char bytes[2048];

    if (recvfrom(fd, bytes, sizeof(bytes), MSG_PEEK, (struct sockaddr *)&peer, &size) < 0)
        nc_die("recvfrom: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&peer, size) < 0)
        nc_die("connect: %s", strerror(errno));
    tell_received(n, (struct sockaddr *)&peer, size);
    talk(n, fd);
}

static const char *numeric_host(const struct sockaddr_storage *peer, socklen_t size,
                                char to[static NI_MAXHOST])
{
    if (getnameinfo((const struct sockaddr *)peer, size, to, NI_MAXHOST, NULL, 0, NI_NUMERICHOST))
        return "the client";
    return to;
}

static void receive_connection(const struct nc *n, int listener)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        nc_die("accept: %s", strerror(errno));
    tell_received(n, (struct sockaddr *)&peer, size);
    if (n->tls.on)
        talk_tls(n, fd, numeric_host(&peer, size, (char[NI_MAXHOST]){0}));
    else
        talk(n, fd);
}

static int run_listener(const struct nc *n)
{
    int fd = n->family == AF_UNIX ? nc_listen_unix(n) : nc_listen_inet(n);

    do {
        if (!n->udp)
            receive_connection(n, fd);
        else if (n->keep)
            talk(n, fd);
        else
            receive_from_first(n, fd);
    } while (n->keep && !n->udp);
    return 0;
}

/* Connecting. */

static int run_unix(const struct nc *n)
{
    char *own;
    int fd = nc_connect_unix(n, &own);

    if (fd >= 0 && !n->zero)
        talk(n, fd);
    nc_remove_temporary(own);
    return fd < 0;
}

/* Whether somebody answered at the port. */
static bool run_port(const struct nc *n, uint16_t port)
{
    char word[8], numeric[64] = "";

    snprintf(word, sizeof(word), "%u", port);
    int fd =
        n->proxy ? nc_connect_proxy(n, n->host, port) : nc_connect_inet(n, n->host, word, numeric);
    if (fd < 0)
        return false;
    if (n->verbose && n->udp && !nc_probe_udp(n, fd)) {
        close(fd);
        return false;
    }
    if (n->verbose)
        nc_tell_connected(n, port, n->proxy ? NULL : numeric);
    if (n->pass_fd)
        pass(fd);
    if (n->tls.on)
        talk_tls(n, fd, n->host);
    else if (n->zero)
        close(fd);
    else
        talk(n, fd);
    return true;
}

static int run_ports(const struct nc *n)
{
    _cleanup_vec_ struct vec ports = VEC_INIT(uint16_t);
    bool any = false;

    nc_ports(n, &ports);
    for (size_t i = 0; i < ports.len; i++) {
        any = run_port(n, *(uint16_t *)vec_at(&ports, i)) || any;
    }
    return !any;
}

static int run(const struct nc *n)
{
    if (n->listen)
        return run_listener(n);
    return n->family == AF_UNIX ? run_unix(n) : run_ports(n);
}

static int nc_run(const void *arguments, const struct command_words *words)
{
    struct nc n = {
        .tos = -1,
        .ttl = -1,
        .min_ttl = -1,
        .rcvbuf = -1,
        .sndbuf = -1,
        .timeout_ms = -1,
        .quit_s = -1,
    };
    char **argv = calloc((size_t)words->n + 2, sizeof(*argv));

    (void)arguments;
    if (!argv)
        nc_die("%s", strerror(ENOMEM));
    argv[0] = (char[]){"nc"};
    memcpy(argv + 1, words->words, (size_t)words->n * sizeof(*argv));
    nc_read(&n, words->n + 1, argv);
    signal(SIGPIPE, SIG_IGN);
    nc_tls_open(&n);
    int status = run(&n);
    tls_context_free(n.tls.context);
    free(n.md5_key);
    free(argv);
    return status;
}

const struct command command_nc = {
    .name = "nc",
    .group = "Old tongues",
    .summary = "connect and listen as OpenBSD's netcat does",
    .usage = "[DESTINATION] [PORT…]",
    .description = "Everything that Debian's nc(1) does, in its words and with its exit statuses.",
    .max_words = -1,
    .own_words = true,
    .run = nc_run,
};
