#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "kernel/process.h"
#include "kernel/source.h"

#define REST " S 41 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 987654321 1 2 3\n"

static void expect_comm(const char *text, const char *comm)
{
    struct process_stat s;
    assert_int_equal(process_parse_stat(text, strlen(text), &s), 0);
    assert_string_equal(s.comm, comm);
    assert_int_equal(s.state, 'S');
    assert_int_equal(s.ppid, 41);
    assert_int_equal(s.threads, 3);
    assert_int_equal(s.start_ticks, 987654321);
}

static void test_stat(void **state)
{
    (void)state;
    expect_comm("7 (nginx)" REST, "nginx");
    expect_comm("7 ()" REST, "");
    expect_comm("7 (a b)" REST, "a b");
    expect_comm("7 () R 1 1)" REST, ") R 1 1");
    expect_comm("7 (x) S 1 2 ()" REST, "x) S 1 2 (");
    expect_comm("7 (((()" REST, "(((");
    expect_comm("7 (new\nline)" REST, "new\nline");
    expect_comm("7 (\033[31m\\)" REST, "\033[31m\\");
    expect_comm("7 (kworker/u8:3-events_unbound)" REST, "kworker/u8:3-eve");
}

static void test_stat_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "7",
        "7 (",
        ("7 )x(" REST),
        "7 (nginx",
        "7 (nginx)",
        "7 (nginx) ",
        "7 (nginx) S",
        "7 (nginx) S 1 2 3",
        "7 (nginx) S x 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 987654321 1\n",
        "7 (nginx) S -1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 987654321 1\n",
        "7 (nginx) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 99999999999999999999 1\n",
        "7 (nginx) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct process_stat s = {.ppid = -7};
        assert_int_equal(process_parse_stat(bad[i], strlen(bad[i]), &s), -EINVAL);
        assert_int_equal(s.ppid, -7);
    }
}

static void expect_cmdline(const char *bytes, size_t n, const char *expected)
{
    _cleanup_buf_ struct buf b = BUF_INIT(256);
    process_parse_cmdline(bytes, n, &b);
    assert_string_equal(buf_cstr(&b), expected);
}

static void test_cmdline(void **state)
{
    (void)state;
    expect_cmdline("", 0, "");
    expect_cmdline("\0\0", 2, "");
    expect_cmdline("sleep\0"
                   "5\0",
                   8, "sleep 5");
    expect_cmdline("sleep\0"
                   "5",
                   7, "sleep 5");
    expect_cmdline("a\0\0b\0", 5, "a  b"); /* an empty word */
    expect_cmdline("nginx: master process\0\0\0\0", 25, "nginx: master process");
}

static void test_cgroup(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path;
    } cases[] = {
        {"0::/system.slice/a.service\n", "/system.slice/a.service"},
        {"0::/a b:c\n", "/a b:c"},
        {"0::/", "/"},
        {"12:pids:/x\n1:name=systemd:/system.slice/b.service\n0::/system.slice/b.service\n",
         "/system.slice/b.service"},
        {"12:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/2\n", "/docker/2"},
        {"12:cpu,cpuacct:/docker/1\n0::/\n", "/docker/1"},
        {"0::/gone.service (deleted)\n", "/gone.service"},
    };
    const char *path;
    size_t len;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(process_parse_cgroup(cases[i].text, strlen(cases[i].text), &path, &len),
                         0);
        assert_int_equal(len, strlen(cases[i].path));
        assert_memory_equal(path, cases[i].path, len);
    }
    assert_int_equal(process_parse_cgroup("", 0, &path, &len), -EINVAL);
    assert_int_equal(process_parse_cgroup("0:x", 3, &path, &len), -EINVAL);
    assert_int_equal(process_parse_cgroup("0::no", 5, &path, &len), -EINVAL);
}

static const char *name_user(void *ctx, uint32_t uid)
{
    (void)uid;
    return ctx;
}

static void test_self(void **state)
{
    (void)state;
    struct source_query q = {.detail = SOURCE_CMDLINE | SOURCE_PROCESS,
                             .user_name = name_user,
                             .user_ctx = (char[]){"somebody"}};
    struct process_cache c;
    const struct net_process *p, *again;
    process_cache_init(&c, &q);
    assert_int_equal(process_cache_get(&c, getpid(), &p), 0);
    assert_int_equal(p->pid, getpid());
    assert_int_equal(p->ppid, getppid());
    assert_int_equal(p->uid, geteuid());
    assert_string_equal(p->user, "somebody");
    assert_true(p->start_ns > 0);
    assert_non_null(strstr(p->cmdline, "test_process"));
    assert_non_null(strstr(p->exe, "/test_process"));
    assert_int_equal(process_cache_get(&c, getpid(), &again), 0);
    assert_ptr_equal(p, again);
    assert_int_equal(process_cache_get(&c, INT32_MAX, &again), -ESRCH);

    /* /proc tells a start to the tick; BPF, to the nanosecond, means the same process. */
    struct net_process finer = *p;
    finer.start_ns += 12345;
    assert_true(process_is_alive(p));
    assert_true(process_is_alive(&finer));
    process_cache_clear(&c);
}

/* A number that was given to another process: nothing of the new one may get into the old value. */
static void test_reused_pid(void **state)
{
    (void)state;
    struct net_process p = {.pid = getpid(), .start_ns = 1};
    assert_int_equal(process_read_details(&p, SOURCE_CMDLINE | SOURCE_PROCESS), -ESRCH);
    assert_null(p.cmdline);
    assert_null(p.exe);

    assert_false(process_is_alive(&p));

    struct source_query q = {0};
    struct process_cache c;
    struct net_process later = {.pid = getpid(), .start_ns = 20000001};
    size_t first, second, again;
    process_cache_init(&c, &q);
    assert_int_equal(process_cache_add(&c, &p, &first), 0);
    assert_int_equal(process_cache_add(&c, &later, &second), 0);
    assert_int_equal(process_cache_add(&c, &later, &again), 0);
    assert_true(first != second);
    assert_int_equal(second, again);
    assert_int_equal(process_cache_at(&c, first)->start_ns, 1);
    process_cache_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat),    cmocka_unit_test(test_stat_bad),
        cmocka_unit_test(test_cmdline), cmocka_unit_test(test_cgroup),
        cmocka_unit_test(test_self),    cmocka_unit_test(test_reused_pid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
