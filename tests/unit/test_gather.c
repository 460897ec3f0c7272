#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "kernel/gather.h"
#include "kernel/source.h"
#include "net/facts.h"

static const struct net_socket *find(const struct facts *f, uint64_t inode)
{
    for (size_t i = 0; i < f->sockets.len; i++) {
        const struct net_socket *s = vec_at(&f->sockets, i);
        if (s->inode == inode)
            return s;
    }
    return NULL;
}

/* A listener of our own is among the facts, held by us, with what was asked for. */
static void test_own_listener(void **state)
{
    (void)state;
    const struct source_query q = {.via = SOURCE_DIAG,
                                   .kinds = 1 << NET_TCP,
                                   .states = NET_STATES_ALL,
                                   .families = 1 << AF_INET,
                                   .detail = SOURCE_OWNERS | SOURCE_PROCESS | SOURCE_OPTIONS,
                                   .netns_fd = -1};
    struct source_report report;
    struct err e;
    struct stat st;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(fstat(fd, &st), 0);

    _cleanup_facts_ struct facts f;
    facts_init(&f);
    source_report_init(&report);
    assert_int_equal(gather_facts(&q, &f, &report, &e), 0);
    const struct net_socket *s = find(&f, st.st_ino);
    assert_non_null(s);
    assert_int_equal(s->state, NET_LISTEN);
    assert_int_equal(s->send_q, 5);
    assert_int_equal(s->n_owners, 1);
    assert_int_equal(s->owners[0].pid, getpid());
    assert_int_equal(s->owners[0].fd, fd);
    assert_non_null(strstr(s->owners[0].process->exe, "/test_gather"));
    assert_true(net_socket_knows(s, NET_F_REUSEADDR));
    assert_false(s->reuseaddr);

    assert_true(f.hostname[0] && f.kernel[0] && f.taken_ns && f.boot_ns && f.netns);
    assert_true(f.boot_ns > s->owners[0].process->start_ns);
    assert_int_equal(f.uid, geteuid());
    assert_non_null(facts_sysctl(&f, "net.ipv4.ip_unprivileged_port_start"));
    assert_non_null(facts_sysctl(&f, "net.core.somaxconn"));
    assert_null(facts_sysctl(&f, "net.core.no_such_setting"));
    assert_true(f.interfaces.len >= 1);
    assert_true(f.namespaces.len >= 1);
    assert_int_equal(((struct net_namespace *)vec_at(&f.namespaces, 0))->inode, f.netns);
    source_report_clear(&report);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_listener)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
