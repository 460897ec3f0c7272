#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "base/err.h"
#include "kernel/attrs.h"
#include "kernel/netlink.h"

/* What the kernel is made to answer: one step a receive. */
enum step_kind { MESSAGE, INTERRUPTED, DONE, DONE_ERROR, ERROR, ENOBUFS_NOW, CUT, LYING, STRANGER };

struct script {
    const enum step_kind *steps;
    size_t n, at;
    unsigned messages, restarts, stop_after;
};

static size_t write_message(struct netlink *n, char *to, uint16_t type, uint16_t flags, int body)
{
    struct nlmsghdr head = {.nlmsg_len = NLMSG_LENGTH(sizeof body),
                            .nlmsg_type = type,
                            .nlmsg_flags = flags,
                            .nlmsg_seq = n->sequence};
    memcpy(to, &head, sizeof head);
    memcpy(to + NLMSG_HDRLEN, &body, sizeof body);
    return head.nlmsg_len;
}

static size_t write_error(struct netlink *n, char *to, int error)
{
    struct nlmsgerr body = {.error = error};
    struct nlmsghdr head = {.nlmsg_len = NLMSG_LENGTH(sizeof body),
                            .nlmsg_type = NLMSG_ERROR,
                            .nlmsg_seq = n->sequence};
    memcpy(to, &head, sizeof head);
    memcpy(to + NLMSG_HDRLEN, &body, sizeof body);
    return head.nlmsg_len;
}

static ssize_t play(struct netlink *n, void *bytes, size_t size)
{
    struct script *s = n->receive_ctx;
    char *to = bytes;
    size_t len;
    (void)size;
    assert_true(s->at < s->n);
    switch (s->steps[s->at++]) {
    case MESSAGE:
        return (ssize_t)write_message(n, to, 99, NLM_F_MULTI, 7);
    case INTERRUPTED:
        return (ssize_t)write_message(n, to, 99, NLM_F_MULTI | NLM_F_DUMP_INTR, 7);
    case DONE:
        return (ssize_t)write_message(n, to, NLMSG_DONE, NLM_F_MULTI, 0);
    case DONE_ERROR:
        return (ssize_t)write_message(n, to, NLMSG_DONE, NLM_F_MULTI, -EMSGSIZE);
    case ERROR:
        return (ssize_t)write_error(n, to, -ENOENT);
    case ENOBUFS_NOW:
        errno = ENOBUFS;
        return -1;
    case CUT:
        write_message(n, to, 99, 0, 7);
        return NLMSG_HDRLEN + 1;
    case LYING:
        len = write_message(n, to, 99, 0, 7);
        ((struct nlmsghdr *)to)->nlmsg_len = 3;
        return (ssize_t)len;
    case STRANGER:
        len = write_message(n, to, 99, 0, 7);
        ((struct nlmsghdr *)to)->nlmsg_seq += 77;
        return (ssize_t)len;
    }
    return 0;
}

static int count(void *ctx, const struct nlmsghdr *m)
{
    struct script *s = ctx;
    assert_int_equal(m->nlmsg_type, 99);
    s->messages++;
    return s->stop_after && s->messages == s->stop_after ? 42 : 0;
}

static void restart(void *ctx)
{
    ((struct script *)ctx)->restarts++;
}

/* The request goes to the real kernel, whose answer nobody reads. */
static int run(struct script *s, struct err *e)
{
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {.head = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY}};
    const struct netlink_reader reader = {count, restart, s};
    assert_int_equal(netlink_open(&n, NETLINK_SOCK_DIAG, e), 0);
    n.receive = play;
    n.receive_ctx = s;
    return netlink_dump(&n, &request.head, &reader, e);
}

#define SCRIPT(...)                                                                  \
    {                                                                                \
        .steps = (const enum step_kind[]){__VA_ARGS__},                              \
        .n = sizeof((const enum step_kind[]){__VA_ARGS__}) / sizeof(enum step_kind), \
    }

static void test_plain(void **state)
{
    (void)state;
    struct err e = {0};
    struct script s = SCRIPT(MESSAGE, STRANGER, MESSAGE, DONE);
    assert_int_equal(run(&s, &e), 0);
    assert_int_equal(s.messages, 2);
    assert_int_equal(s.restarts, 0);

    struct script stop = SCRIPT(MESSAGE, MESSAGE, DONE);
    stop.stop_after = 1;
    assert_int_equal(run(&stop, &e), 42);
    assert_int_equal(stop.at, 1);
    assert_int_equal(e.code, 0);
}

static void test_errors(void **state)
{
    (void)state;
    struct err e = {0};
    struct script missing = SCRIPT(ERROR);
    assert_int_equal(run(&missing, &e), -ENOENT);
    assert_int_equal(e.code, ENOENT);
    struct script late = SCRIPT(MESSAGE, DONE_ERROR);
    assert_int_equal(run(&late, &e), -EMSGSIZE);
    struct script cut = SCRIPT(MESSAGE, CUT);
    assert_int_equal(run(&cut, &e), -EBADMSG);
    struct script lying = SCRIPT(LYING);
    assert_int_equal(run(&lying, &e), -EBADMSG);
}

static void test_interrupted(void **state)
{
    (void)state;
    struct err e = {0};
    struct script once = SCRIPT(MESSAGE, INTERRUPTED, MESSAGE, DONE, MESSAGE, DONE);
    assert_int_equal(run(&once, &e), 0);
    assert_int_equal(once.restarts, 1);
    assert_int_equal(once.messages, 2);

    /* The last try hands over all that comes. */
    struct script always = SCRIPT(INTERRUPTED, DONE, INTERRUPTED, DONE, INTERRUPTED, DONE,
                                  INTERRUPTED, DONE, INTERRUPTED, MESSAGE, DONE);
    assert_int_equal(run(&always, &e), -EINTR);
    assert_int_equal(always.restarts, NETLINK_TRIES - 1);
    assert_int_equal(always.messages, 2);
    assert_int_equal(always.at, always.n);
}

static void test_overflow(void **state)
{
    (void)state;
    struct err e = {0};
    struct script once = SCRIPT(MESSAGE, ENOBUFS_NOW, MESSAGE, MESSAGE, DONE);
    assert_int_equal(run(&once, &e), 0);
    assert_int_equal(once.restarts, 1);
    assert_int_equal(once.messages, 3);

    struct script always = SCRIPT(ENOBUFS_NOW, ENOBUFS_NOW, ENOBUFS_NOW, ENOBUFS_NOW, ENOBUFS_NOW);
    assert_int_equal(run(&always, &e), -ENOBUFS);
    assert_int_equal(always.restarts, NETLINK_TRIES - 1);
}

static void test_real(void **state)
{
    (void)state;
    struct err e = {0};
    struct script s = {0};
    _cleanup_netlink_ struct netlink n = NETLINK_CLOSED;
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {.head = {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY},
                 .body.sdiag_family = 250};
    const struct netlink_reader reader = {count, restart, &s};
    assert_int_equal(netlink_open(&n, NETLINK_SOCK_DIAG, &e), 0);
    assert_int_equal(fcntl(n.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    int r = netlink_dump(&n, &request.head, &reader, &e);
    assert_true(r == -EINVAL || r == -ENOENT); /* which of them depends on the version */
    assert_false(n.pending);
}

static void test_attrs(void **state)
{
    (void)state;
    struct {
        struct nlmsghdr head;
        char room[64];
    } m = {.head.nlmsg_len = NLMSG_HDRLEN};
    struct attr attrs[4];
    uint32_t value = 0x01020304;
    assert_true(attr_put(&m.head, sizeof m, 1, &value, sizeof value));
    assert_true(attr_put(&m.head, sizeof m, 3, "abc", 3));
    assert_true(attr_put(&m.head, sizeof m, 9, "", 0));
    assert_false(attr_put(&m.head, sizeof m, 2, m.room, sizeof m.room));
    assert_true(attrs_parse_message(&m.head, 0, attrs, 4));
    assert_int_equal(attr_u32(&attrs[1], 0), value);
    assert_int_equal(attr_u64(&attrs[1], 5), 5); /* too short */
    assert_int_equal(attr_u32(&attrs[2], 6), 6); /* not there */
    assert_int_equal(attrs[3].len, 3);
    char text[3];
    attr_text(&attrs[3], text, sizeof text);
    assert_string_equal(text, "ab");

    ((struct nlattr *)m.room)[0].nla_len = 200;
    assert_false(attrs_parse_message(&m.head, 0, attrs, 4));
    assert_null(attrs[1].data);
    ((struct nlattr *)m.room)[0].nla_len = 3;
    assert_false(attrs_parse_message(&m.head, 0, attrs, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_real),        cmocka_unit_test(test_attrs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
