/* Sockets opened on loopback and as UNIX names; targets as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "flow/open.h"
#include "net/sockopt.h"

static struct target ip_target(const char *address, uint16_t port)
{
    struct target t = {.type = SOCK_STREAM, .v6only = -1};
    struct net_addr a;
    assert_int_equal(net_addr_parse(address, &a, NULL), 0);
    target_set_ip(&t, &a, port);
    return t;
}

static void assert_text(const struct target *t, const char *expected)
{
    _cleanup_buf_ struct buf text = BUF_INIT(512);
    target_format(&text, &t->address, t->address_n);
    assert_string_equal(buf_cstr(&text), expected);
}

static void targets_have_words(void **state)
{
    struct target t = ip_target("192.0.2.7", 80);
    (void)state;
    assert_text(&t, "192.0.2.7:80");
    t = ip_target("fe80::1%1", 65535); /* the first device of every namespace */
    assert_text(&t, "[fe80::1%lo]:65535");
    t = ip_target("fe80::1%4000000000", 1);
    assert_text(&t, "[fe80::1%4000000000]:1");
    assert_int_equal(target_set_unix(&t, "/run/x", 6, false), 0);
    assert_text(&t, "unix:/run/x");
    assert_int_equal(target_set_unix(&t, "a\0b", 3, true), 0);
    assert_int_equal(t.address_n, offsetof(struct sockaddr, sa_data) + 4);
    target_set_vsock(&t, UINT32_MAX, 9);
    assert_text(&t, "vsock:*:9");
    t.address_n = 2;
    t.address.ss_family = AF_UNIX;
    assert_text(&t, "unix:");
}

static void unix_names_have_a_length(void **state)
{
    char name[200];
    struct target t = {0};
    (void)state;
    memset(name, 'x', sizeof name);
    assert_int_equal(target_set_unix(&t, name, 107, false), 0);
    assert_int_equal(target_set_unix(&t, name, 107, true), 0);
    assert_int_equal(target_set_unix(&t, name, 108, false), -ENAMETOOLONG);
    assert_int_equal(target_set_unix(&t, name, 0, true), -ENAMETOOLONG);
}

static void bind_port(int fd, struct target *t)
{
    t->address_n = sizeof t->address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&t->address, &t->address_n), 0);
}

static void listens_and_connects(void **state)
{
    struct target t = ip_target("127.0.0.1", 0);
    struct open_listen how = {.backlog = -1};
    struct open_connect by = {0};
    struct err e = {0};
    bool done = false;
    (void)state;
    _cleanup_fd_ int listener = open_listener(&t, &how, &e);
    assert_true(listener >= 0);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    bind_port(listener, &t);

    assert_int_equal(open_listener(&t, &how, &e), -EADDRINUSE);
    assert_string_equal(e.op, "listen on");
    assert_non_null(strstr(e.hint, "taken"));

    struct target source = ip_target("127.0.0.2", 0);
    by.source = &source;
    _cleanup_fd_ int client = open_connection(&t, &by, &done, &e);
    assert_true(client >= 0);
    struct pollfd p = {.fd = client, .events = POLLOUT};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(open_connected(client), 0);
    bind_port(client, &source);
    struct net_addr a;
    uint16_t port;
    assert_true(target_get_ip(&source.address, &a, &port));
    assert_int_equal(a.bytes[3], 2);
    assert_int_not_equal(port, 0);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &n), 0);
    return value;
}

static void options_are_set(void **state)
{
    struct sockopt_set set = {0};
    struct open_listen how = {.options = &set, .backlog = -1};
    struct err e = {0};
    (void)state;
    sockopt_choose(&set, SOCKOPT_KEEPALIVE, 1);
    sockopt_choose(&set, SOCKOPT_REUSEADDR, 0);
    struct target t = ip_target("127.0.0.1", 0);
    _cleanup_fd_ int fd = open_listener(&t, &how, &e);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 0);

    assert_int_equal(sockopt_parse(&set, SOCKOPT_CONGESTION, "nosuch", &e), 0);
    assert_int_equal(open_listener(&t, &how, &e), -ENOENT);
    assert_string_equal(e.subject, "nosuch");
    assert_non_null(strstr(e.op, "congestion control"));

    how.options = NULL;
    _cleanup_fd_ int usual = open_listener(&t, &how, &e);
    assert_int_equal(option_of(usual, SOL_SOCKET, SO_REUSEADDR), 1);
    t.type = SOCK_DGRAM;
    _cleanup_fd_ int udp = open_listener(&t, &how, &e);
    assert_int_equal(option_of(udp, SOL_SOCKET, SO_REUSEADDR), 0);
}

static void failures_are_explained(void **state)
{
    struct open_listen how = {.backlog = -1};
    struct open_connect by = {0};
    struct err e = {0};
    bool done = false;
    (void)state;
    struct target t = ip_target("192.0.2.1", 4444);
    assert_int_equal(open_listener(&t, &how, &e), -EADDRNOTAVAIL);
    assert_string_equal(e.subject, "192.0.2.1:4444");
    assert_non_null(strstr(e.hint, "no interface"));

    t = ip_target("fe80::1", 4444);
    assert_int_equal(open_listener(&t, &how, &e), -EINVAL);
    assert_non_null(strstr(e.hint, "%DEVICE"));

    t = ip_target("127.0.0.1", 1);
    snprintf(t.device, sizeof t.device, "nodev0");
    assert_int_equal(open_connection(&t, &by, &done, &e), -ENODEV);
    assert_string_equal(e.subject, "nodev0");

    target_set_unix(&t, "/nowhere/x", 10, false);
    t.device[0] = '\0';
    assert_int_equal(open_connection(&t, &by, &done, &e), -ENOENT);
    assert_non_null(strstr(e.hint, "no such socket"));
}

/* A refusal over loopback comes at once or later; both ways tell ECONNREFUSED. */
static void refusals_come_later(void **state)
{
    struct target t = ip_target("127.0.0.1", 0);
    struct open_listen how = {.backlog = -1};
    struct open_connect by = {0};
    struct err e = {0};
    bool done = false;
    (void)state;
    int listener = open_listener(&t, &how, &e);
    bind_port(listener, &t);
    close(listener);
    _cleanup_fd_ int fd = open_connection(&t, &by, &done, &e);
    if (fd < 0) {
        assert_int_equal(fd, -ECONNREFUSED);
        return;
    }
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(open_connected(fd), -ECONNREFUSED);
}

static void left_over_names_are_taken_over(void **state)
{
    char path[64];
    struct target t = {.type = SOCK_STREAM, .v6only = -1};
    struct open_listen how = {.backlog = -1};
    struct err e = {0};
    (void)state;
    snprintf(path, sizeof path, "/tmp/berth-open-%d", (int)getpid());
    assert_int_equal(target_set_unix(&t, path, strlen(path), false), 0);
    int first = open_listener(&t, &how, &e);
    assert_true(first >= 0);
    how.unlink = true;
    assert_int_equal(open_listener(&t, &how, &e), -EADDRINUSE); /* it lives */
    assert_int_equal(accept(first, NULL, NULL), -1);            /* and wasn't disturbed */
    close(first);
    how.unlink = false;
    assert_int_equal(open_listener(&t, &how, &e), -EADDRINUSE);
    how.unlink = true;
    int second = open_listener(&t, &how, &e);
    assert_true(second >= 0);
    close(second);
    unlink(path);

    /* What is no socket is never removed. */
    _cleanup_fd_ int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(open_listener(&t, &how, &e), -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    assert_non_null(strstr(e.hint, "no socket"));
    unlink(path);
}

/* From the first datagram on, so from before bind. */
static void datagrams_say_where_they_were_sent(void **state)
{
    struct target t = ip_target("0.0.0.0", 0);
    struct open_listen how = {.backlog = -1};
    struct err e = {0};
    int asked = 0;
    socklen_t n = sizeof asked;
    (void)state;
    t.type = SOCK_DGRAM;
    _cleanup_fd_ int fd = open_listener(&t, &how, &e);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_PKTINFO, &asked, &n), 0);
    assert_int_equal(asked, 1);
}

static void what_has_no_path_leaves_none_behind(void **state)
{
    struct target t = {.type = SOCK_STREAM, .v6only = -1};
    (void)state;
    assert_int_equal(target_set_unix(&t, "nobody", 6, true), 0);
    assert_string_equal(open_connect_hint(&t, ECONNREFUSED), "nobody listens there");
    assert_int_equal(target_set_unix(&t, "/tmp/gone", 9, false), 0);
    assert_non_null(strstr(open_connect_hint(&t, ECONNREFUSED), "left the name behind"));
}

static void a_reset_is_not_a_refusal_but_for_vsock(void **state)
{
    struct target t = ip_target("127.0.0.1", 80);
    (void)state;
    assert_non_null(strstr(open_connect_hint(&t, ECONNRESET), "accepted, and broken off"));
    target_set_vsock(&t, 1, 9);
    assert_string_equal(open_connect_hint(&t, ECONNRESET), "nobody listens there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_have_words),
        cmocka_unit_test(unix_names_have_a_length),
        cmocka_unit_test(listens_and_connects),
        cmocka_unit_test(options_are_set),
        cmocka_unit_test(failures_are_explained),
        cmocka_unit_test(refusals_come_later),
        cmocka_unit_test(left_over_names_are_taken_over),
        cmocka_unit_test(datagrams_say_where_they_were_sent),
        cmocka_unit_test(what_has_no_path_leaves_none_behind),
        cmocka_unit_test(a_reset_is_not_a_refusal_but_for_vsock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
