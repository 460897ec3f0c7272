/*
 * TCP states. A state is a recipe in the script's own language, so what it does can be read. The
 * states that last only a moment are held by filters: a socket whose filter drops what arrives
 * ("muted") never sees the FIN or ACK that would move it on. This needs no privilege and no
 * packet filter. tcp_v4_rcv() runs the filter of the listener also for the ACK that ends a
 * handshake, so a filter that drops segments with the ACK flag holds a SYN_RECV request.
 */
#include "mksock.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECIPE_LINES = 12 };

/* $A is the address, $N the name; the other end is always $N.peer, the listener $N.listener */
#define CONNECTED                                                     \
    "tcp listen $A as=$N.listener", "tcp connect @$N.listener as=$N", \
        "tcp accept @$N.listener as=$N.peer"

static const struct recipe {
    const char *state;
    const char *lines[RECIPE_LINES];
} recipes[] = {
    {"LISTEN", {"tcp listen $A as=$N"}},
    {"CLOSE", {"tcp bind $A as=$N"}}, /* bound only: TCP_BOUND_INACTIVE */
    {"ESTABLISHED", {CONNECTED}},
    {"QUEUED", /* ESTABLISHED, and nobody has accepted it */
     {"tcp listen $A as=$N.listener", "tcp connect @$N.listener as=$N.peer", "end @$N.peer as=$N",
      "await @$N ESTABLISHED"}},
    {"SYN_SENT",
     {"tcp listen $A as=$N.listener mute=all", "tcp connect @$N.listener as=$N nowait",
      "await @$N SYN_SENT"}},
    {"SYN_RECV", /* a request, NEW_SYN_RECV inside the kernel */
     {"tcp listen $A as=$N.listener mute=acks", "tcp connect @$N.listener as=$N.peer",
      "end @$N.peer as=$N", "await @$N SYN_RECV"}},
    {"FIN_WAIT1", {CONNECTED, "mute @$N.peer", "shutdown @$N", "await @$N FIN_WAIT1"}},
    {"FIN_WAIT2", {CONNECTED, "shutdown @$N", "await @$N FIN_WAIT2"}},
    {"CLOSE_WAIT",
     {CONNECTED, "shutdown @$N.peer", "await @$N CLOSE_WAIT", "await @$N.peer FIN_WAIT2"}},
    {"LAST_ACK",
     {CONNECTED, "shutdown @$N.peer", "await @$N CLOSE_WAIT", "await @$N.peer FIN_WAIT2",
      "mute @$N.peer", "shutdown @$N", "await @$N LAST_ACK"}},
    /* Both FINs cross unseen; then one side hears the other's, sent again, but never its ACK. */
    {"CLOSING",
     {CONNECTED, "mute @$N", "mute @$N.peer", "shutdown @$N", "shutdown @$N.peer",
      "await @$N FIN_WAIT1", "await @$N.peer FIN_WAIT1", "unmute @$N", "await @$N CLOSING"}},
    {"TIME_WAIT",
     {CONNECTED, "shutdown @$N", "await @$N FIN_WAIT2", "close @$N", "close @$N.peer",
      "await @$N TIME_WAIT"}},
};

/* Writes LINE into OUT with $A and $N replaced. */
static void recipe_fill(const char *line, const char *address, const char *name, char *out,
                        size_t size)
{
    size_t n = 0;
    for (; *line && n + 1 < size; line++) {
        const char *with = line[0] != '$' ? NULL : line[1] == 'A' ? address : name;
        if (!with) {
            out[n++] = *line;
            continue;
        }
        n += (size_t)snprintf(out + n, size - n, "%s", with);
        line++;
    }
    out[n < size ? n : size - 1] = '\0';
}

static int recipe_run(struct mk *mk, const struct recipe *recipe, const char *address,
                      const char *name, bool orphan)
{
    char line[512];

    for (size_t i = 0; i < RECIPE_LINES && recipe->lines[i]; i++) {
        recipe_fill(recipe->lines[i], address, name, line, sizeof(line));
        if (mk_run(mk, line) < 0)
            return -1;
    }
    if (!orphan)
        return 0;
    snprintf(line, sizeof(line), "close @%s", name);
    if (mk_run(mk, line) < 0)
        return -1;
    snprintf(line, sizeof(line), "await @%s %s", name, recipe->state);
    return mk_run(mk, line);
}

/* tcp state STATE [ADDRESS] [orphan] [as=NAME] */
int mk_do_state(struct mk *mk, const struct mk_kind *kind, struct mk_line *line)
{
    const struct recipe *recipe = NULL;
    const char *address = "127.0.0.1:0";
    char number[32];

    if (kind->protocol != IPPROTO_TCP)
        return mk_usage(mk, "no states for", kind->name);
    line->used[1] = true;
    for (size_t i = 0; line->n > 2 && i < sizeof(recipes) / sizeof(recipes[0]); i++)
        if (!strcmp(recipes[i].state, line->words[2]))
            recipe = &recipes[i];
    if (!recipe)
        return mk_usage(mk, "unknown state", line->n > 2 ? line->words[2] : "");
    line->used[2] = true;
    const char *name = mk_value(line, "as");
    bool orphan = mk_flag(line, "orphan");
    if (line->n > 3 && !line->used[3]) {
        address = line->words[3];
        line->used[3] = true;
    }
    if (mk_check_used(mk, line) < 0)
        return -1;
    snprintf(number, sizeof(number), "state.%u", ++mk->serial);
    return recipe_run(mk, recipe, address, name ? name : number, orphan);
}

/* The socket that word 1 names; OPEN: it must have a descriptor here. */
static struct mk_sock *line_sock(struct mk *mk, struct mk_line *line, bool open)
{
    struct mk_sock *sock = line->n > 1 ? mk_sock_find(mk, line->words[1]) : NULL;

    if (!sock || (open && sock->fd < 0)) {
        mk_usage(mk, open ? "no socket here called" : "no socket called",
                 line->n > 1 ? line->words[1] : "");
        return NULL;
    }
    line->used[1] = true;
    sock->dirty = true;
    if (sock->other)
        sock->other->dirty = true;
    return sock;
}

int mk_mute_fd(int fd, const char *what)
{
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_filter acks[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of the TCP header */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = 1, .filter = all};

    if (!strcmp(what, "acks"))
        program = (struct sock_fprog){.len = 4, .filter = acks};
    else if (strcmp(what, "all"))
        return -EINVAL;
    int r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
    return r < 0 ? -errno : 0;
}

int mk_do_mute(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    bool acks = mk_flag(line, "acks");
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    int r = mk_mute_fd(sock->fd, acks ? "acks" : "all");
    return r < 0 ? mk_fail(mk, "mute", -r) : 0;
}

int mk_do_unmute(struct mk *mk, struct mk_line *line)
{
    int dummy = 0;
    struct mk_sock *sock = line_sock(mk, line, true);
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    int r = setsockopt(sock->fd, SOL_SOCKET, SO_DETACH_FILTER, &dummy, sizeof(dummy));
    return r < 0 ? mk_fail(mk, "unmute", errno) : 0;
}

int mk_do_shutdown(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    int how = mk_flag(line, "read") ? SHUT_RD : mk_flag(line, "both") ? SHUT_RDWR : SHUT_WR;
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    return shutdown(sock->fd, how) < 0 ? mk_fail(mk, "shutdown", errno) : 0;
}

int mk_do_close(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    mk_sock_refresh(mk, sock);
    mk_sock_close(sock);
    return 0;
}

/* await @NAME STATE, or GONE: waits until the kernel says so */
int mk_do_await(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, false);
    int64_t end = mk_now_ms() + MK_WAIT_MS;

    if (!sock)
        return -1;
    if (line->n != 3)
        return mk_usage(mk, "await takes a socket and a state, not", line->words[line->n - 1]);
    const char *want = strcmp(line->words[2], "GONE") ? line->words[2] : NULL;
    for (;;) {
        mk_sock_refresh(mk, sock);
        if (want && sock->state ? !strcmp(want, sock->state) : want == sock->state)
            return 0;
        if (mk_now_ms() > end)
            return mk_fail(mk, sock->state ? sock->state : "await", ETIMEDOUT);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* end @NAME as=OTHER: the other end of this connection, that no process holds */
int mk_do_end(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    const char *name = mk_value(line, "as");
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    mk_sock_refresh(mk, sock);
    struct mk_sock *end = mk_sock_new(mk, sock->kind, name, -1);
    end->domain = sock->domain;
    end->local = sock->peer;
    end->peer = sock->local;
    end->listener = sock->listener;
    end->other = sock;
    sock->other = end;
    return 0;
}

/* Sends N bytes, or with N -1 as many as go, until the socket stays full. Returns -errno. */
static int send_bytes(int fd, long n)
{
    static const char zeros[16384];

    for (int full = 0; n != 0 && full < 20;) {
        size_t chunk = n < 0 || n > (long)sizeof(zeros) ? sizeof(zeros) : (size_t)n;
        ssize_t sent = send(fd, zeros, chunk, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno != EAGAIN || n > 0))
            return -errno;
        if (sent < 0) { /* the other end may still be taking some */
            full++;
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        } else if (n > 0) {
            n -= sent;
        }
    }
    return 0;
}

/* send @NAME bytes=N: from this end; the other end doesn't read */
int mk_do_send(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    long bytes;
    if (!sock || mk_number(mk, line, "bytes", 1, &bytes) < 0 || mk_check_used(mk, line) < 0)
        return -1;
    int r = bytes >= 0 ? send_bytes(sock->fd, bytes) : -EINVAL;
    return r < 0 ? mk_fail(mk, "send", -r) : 0;
}

int mk_do_fill(struct mk *mk, struct mk_line *line)
{
    struct mk_sock *sock = line_sock(mk, line, true);
    if (!sock || mk_check_used(mk, line) < 0)
        return -1;
    int r = send_bytes(sock->fd, -1);
    return r < 0 ? mk_fail(mk, "send", -r) : 0;
}
