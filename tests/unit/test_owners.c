#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/vec.h"
#include "kernel/owners.h"
#include "kernel/source.h"

static const struct source_query query = {.detail = SOURCE_OWNERS};

static void test_those_that_nobody_asked_for(void **state)
{
    (void)state;
    _cleanup_owners_ struct owners *o = NULL;
    _cleanup_vec_ struct vec left = VEC_INIT(struct owners_socket);
    const struct net_owner *found;
    uint32_t n;
    assert_int_equal(owners_new(&query, &o, NULL), 0);
    for (int32_t pid = 1; pid <= 2; pid++) {
        struct net_process p = {.pid = pid, .start_ns = 1};
        for (uint64_t inode = 10; inode < 14; inode++)
            assert_int_equal(owners_add(o, inode + (uint64_t)pid, &p, (int32_t)inode), 0);
    }
    for (uint64_t inode = 12; inode <= 14; inode++)
        assert_int_equal(owners_find(o, inode, &found, &n), OWNERS_FOUND);
    struct net_process late = {.pid = 3, .start_ns = 1};
    assert_int_equal(owners_add(o, 12, &late, 5), 0); /* asked for all the same */
    assert_int_equal(owners_find(o, 12, &found, &n), OWNERS_FOUND);
    assert_int_equal(n, 3);

    assert_int_equal(owners_unasked(o, &left), 0);
    assert_int_equal(left.len, 2); /* of process 1 alone, of process 2 alone */
    const struct owners_socket *first = vec_at(&left, 0), *second = vec_at(&left, 1);
    assert_int_equal(first->inode, 11);
    assert_int_equal(first->pid, 1);
    assert_int_equal(first->fd, 10);
    assert_int_equal(second->inode, 15);
    assert_int_equal(second->pid, 2);
}

static void test_rings(void **state)
{
    (void)state;
    enum { INODES = 5000 };
    _cleanup_owners_ struct owners *o = NULL;
    const struct net_owner *found;
    uint32_t n;
    assert_int_equal(owners_new(&query, &o, NULL), 0);
    for (int32_t pid = 1; pid <= 3; pid++) {
        struct net_process p = {.pid = pid, .start_ns = 1};
        for (uint64_t inode = 1; inode <= INODES; inode++)
            if (inode % (uint64_t)pid == 0)
                assert_int_equal(owners_add(o, inode, &p, (int32_t)inode + pid), 0);
    }
    for (uint64_t inode = 1; inode <= INODES; inode++) {
        assert_int_equal(owners_find(o, inode, &found, &n), OWNERS_FOUND);
        uint32_t at = 0;
        for (int32_t pid = 1; pid <= 3; pid++) {
            if (inode % (uint64_t)pid)
                continue;
            assert_true(at < n);
            assert_int_equal(found[at].pid, pid); /* in the order of addition */
            assert_int_equal(found[at].process->pid, pid);
            assert_int_equal(found[at++].fd, (int32_t)inode + pid);
        }
        assert_int_equal(at, n);
    }
    assert_int_equal(owners_find(o, INODES + 1, &found, &n), OWNERS_NONE);
    assert_int_equal(owners_find(o, 0, &found, &n), OWNERS_NONE);
    assert_int_equal(n, 0);
}

static uint64_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static bool holds(const struct net_owner *found, uint32_t n, int fd)
{
    for (uint32_t i = 0; i < n; i++)
        if (found[i].pid == getpid() && found[i].fd == fd)
            return true;
    return false;
}

static void test_own_sockets(void **state)
{
    (void)state;
    _cleanup_owners_ struct owners *o = NULL;
    const struct net_owner *found;
    struct err e;
    uint32_t n;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int twice = fcntl(fd, F_DUPFD_CLOEXEC, 700);
    assert_int_equal(owners_read(&query, &o, &e), 0);
    assert_int_equal(owners_find(o, inode_of(fd), &found, &n), OWNERS_FOUND);
    assert_int_equal(n, 2);
    assert_true(holds(found, n, fd));
    assert_true(holds(found, n, twice));
    close(fd);
    close(twice);
}

enum { LAST_BEFORE_END = 300 };

/* The only descriptors of a process: one socket, by all these numbers. */
static const int numbers[] = {0, 1, 3, 6, 10, 15, 16, 40, LAST_BEFORE_END};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

/* Says by `ready` that it holds them, and ends when its parent does or kills it. */
static void hold_by_numbers(int socket, int ready)
{
    int high = fcntl(socket, F_DUPFD_CLOEXEC, LAST_BEFORE_END + 1),
        high_ready = fcntl(ready, F_DUPFD_CLOEXEC, LAST_BEFORE_END + 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(0, LAST_BEFORE_END, 0);
    for (size_t i = 0; i < NUMBERS; i++)
        dup2(high, numbers[i]);
    close(high);
    if (write(high_ready, "", 1) == 1)
        pause();
    _exit(1);
}

/* Gaps of each width, at the beginning and behind others: each number is told, and once. */
static void test_gaps(void **state)
{
    (void)state;
    _cleanup_owners_ struct owners *o = NULL;
    const struct net_owner *found;
    struct err e;
    uint32_t n;
    int ready[2];
    char byte;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        hold_by_numbers(fd, ready[1]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(owners_read(&query, &o, &e), 0);
    assert_int_equal(owners_find(o, inode_of(fd), &found, &n), OWNERS_FOUND);
    assert_int_equal(n, 1 + NUMBERS);
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        if (found[i].pid == child)
            assert_int_equal(found[i].fd, numbers[at++]);
    assert_int_equal(at, NUMBERS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(fd);
}

struct lone {
    sem_t ready, end;
    int fd;
    uint64_t inode;
};

/* A thread with descriptors of its own, one of which is a socket that the process hasn't. */
static void *live_alone(void *ctx)
{
    struct lone *l = ctx;
    assert_int_equal(unshare(CLONE_FILES), 0);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    l->inode = inode_of(l->fd);
    sem_post(&l->ready);
    sem_wait(&l->end);
    return NULL;
}

static void test_lone_thread(void **state)
{
    (void)state;
    _cleanup_owners_ struct owners *o = NULL;
    const struct net_owner *found;
    struct lone l;
    struct err e;
    uint32_t n;
    pthread_t thread;
    int shared = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sem_init(&l.ready, 0, 0);
    sem_init(&l.end, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, live_alone, &l), 0);
    sem_wait(&l.ready);
    assert_int_equal(owners_read(&query, &o, &e), 0);
    assert_int_equal(owners_find(o, l.inode, &found, &n), OWNERS_FOUND);
    assert_int_equal(n, 1);
    assert_true(holds(found, n, l.fd));
    assert_int_equal(owners_find(o, inode_of(shared), &found, &n), OWNERS_FOUND);
    assert_int_equal(n, 1); /* the thread's copy is by the same number: told once */
    sem_post(&l.end);
    pthread_join(thread, NULL);
    close(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_that_nobody_asked_for),
        cmocka_unit_test(test_rings),
        cmocka_unit_test(test_own_sockets),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_lone_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
