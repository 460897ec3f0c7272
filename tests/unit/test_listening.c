/* What a listener is made of: the acceptor, farewells, a conversation of one, queues, processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/vec.h"
#include "flow/accept.h"
#include "flow/child.h"
#include "flow/farewell.h"
#include "flow/open.h"
#include "flow/queue.h"
#include "flow/solo.h"

/* A queue */

static void queues_keep_the_order(void **state)
{
    struct queue q = {0};
    unsigned char next_in = 0, next_out = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char bytes[37];
        size_t n = (size_t)(i * 7 % 37) + 1;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)next_in++;
        assert_int_equal(queue_add(&q, bytes, n, 1 << 20), 0);
        size_t out = i % 3 == 2 ? q.n : (size_t)(i % 19);
        if (out > q.n)
            out = q.n;
        for (size_t k = 0; k < out; k++)
            assert_int_equal((unsigned char)queue_bytes(&q)[k], next_out++);
        queue_drop(&q, out);
    }
    queue_clear(&q);
    assert_int_equal(queue_add(&q, "12345678", 8, 10), 0);
    assert_int_equal(queue_add(&q, "123", 3, 10), -ENOBUFS);
    assert_int_equal(q.n, 8);
    assert_int_equal(queue_add(&q, "12", 2, 10), 0);
    queue_drop(&q, 10);
    assert_null(q.bytes);
}

/* A listener on loopback */

struct scene {
    struct loop loop;
    struct acceptor acceptor;
    struct accept_shared shared;
    struct target target;
    struct vec fds; /* int */
    int refused, starved;
    size_t wanted; /* stops the loop */
};

static void accepted(struct loop *l, struct acceptor *a, int fd,
                     const struct sockaddr_storage *peer, socklen_t n)
{
    struct scene *s = (struct scene *)((char *)a - offsetof(struct scene, acceptor));
    (void)peer;
    assert_int_equal(n, sizeof(struct sockaddr_in));
    assert_int_equal(vec_add(&s->fds, &fd), 0);
    if (s->fds.len == s->wanted)
        loop_stop(l);
}

static void refused(struct loop *l, struct acceptor *a, int fd, const struct sockaddr_storage *peer,
                    socklen_t n, enum accept_refusal why)
{
    struct scene *s = (struct scene *)((char *)a - offsetof(struct scene, acceptor));
    (void)peer, (void)n, (void)why;
    assert_true(fd >= 0);
    s->refused++;
    loop_stop(l);
}

static void starved(struct loop *l, struct acceptor *a, int error)
{
    struct scene *s = (struct scene *)((char *)a - offsetof(struct scene, acceptor));
    assert_int_equal(error, EMFILE);
    s->starved++;
    loop_stop(l);
}

static void open_scene(struct scene *s)
{
    struct net_addr a;
    struct err e = {0};
    *s = (struct scene){.fds = VEC_INIT(int)};
    assert_int_equal(loop_init(&s->loop), 0);
    assert_int_equal(net_addr_parse("127.0.0.1", &a, NULL), 0);
    s->target = (struct target){.type = SOCK_STREAM, .v6only = -1};
    target_set_ip(&s->target, &a, 0);
    s->acceptor = (struct acceptor){
        .shared = &s->shared, .accepted = accepted, .refused = refused, .starved = starved};
    s->acceptor.fd = open_listener(&s->target, &(struct open_listen){.backlog = -1}, &e);
    assert_true(s->acceptor.fd >= 0);
    s->target.address_n = sizeof s->target.address;
    getsockname(s->acceptor.fd, (struct sockaddr *)&s->target.address, &s->target.address_n);
    assert_int_equal(acceptor_start(&s->loop, &s->acceptor), 0);
}

static void close_scene(struct scene *s)
{
    for (size_t i = 0; i < s->fds.len; i++)
        close(*(int *)vec_at(&s->fds, i));
    vec_free(&s->fds);
    acceptor_stop(&s->loop, &s->acceptor);
    loop_clear(&s->loop);
}

static int client_of(const struct scene *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&s->target.address, s->target.address_n),
                     0);
    return fd;
}

static void nobody_above_the_limit(void **state)
{
    struct scene s;
    (void)state;
    open_scene(&s);
    s.shared.max = 1;
    s.wanted = 1;
    _held_fd_ int a = client_of(&s), b = client_of(&s);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(s.fds.len, 1);
    assert_int_equal(s.shared.clients, 1);
    s.wanted = 2;
    accept_gone(&s.shared);
    acceptor_resume(&s.loop, &s.acceptor);
    assert_int_equal(loop_run(&s.loop), 0); /* the other waited */
    assert_int_equal(s.fds.len, 2);
    s.shared.refuse = true;
    _cleanup_fd_ int c = client_of(&s);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(s.refused, 1);
    char byte;
    assert_int_equal(recv(c, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close_scene(&s);
    fd_close(&b);
}

/* RLIMIT_NOFILE counts numbers: the lowest free one has to be above it. */
static void without_descriptors_they_wait(void **state)
{
    struct scene s;
    struct rlimit old, low;
    (void)state;
    open_scene(&s);
    s.wanted = 1;
    _held_fd_ int a = client_of(&s);
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(loop_run(&s.loop), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(s.starved, 1);
    assert_int_equal(s.shared.clients, 0);
    assert_int_equal(loop_run(&s.loop), 0); /* and comes in by itself */
    assert_int_equal(s.fds.len, 1);
    close_scene(&s);
}

/* The last words */

struct goodbye {
    struct farewell f;
    bool over;
    int error;
};

static void gone(struct loop *l, struct farewell *f, int error)
{
    struct goodbye *g = (struct goodbye *)f;
    g->over = true;
    g->error = error;
    loop_stop(l);
}

static void last_words_arrive_though_the_peer_talks(void **state)
{
    struct scene s;
    struct goodbye g = {.f.over = gone};
    static char text[3 << 20], got[sizeof text];
    size_t n = 0;
    (void)state;
    open_scene(&s);
    s.wanted = 1;
    _cleanup_fd_ int client = client_of(&s);
    assert_int_equal(loop_run(&s.loop), 0);
    memset(text, 'x', sizeof text);
    assert_int_equal(send(client, text, 100000, 0), 100000);
    int fd = *(int *)vec_at(&s.fds, 0);
    s.fds.len = 0;
    pid_t reader = fork();
    if (reader == 0) {
        for (ssize_t part; (part = recv(client, got, sizeof got, 0)) > 0;)
            n += (size_t)part;
        _exit(n == sizeof text ? 0 : 1);
    }
    farewell_start(&s.loop, &g.f, fd, text, sizeof text);
    fd_close(&client);
    if (!g.over)
        assert_int_equal(loop_run(&s.loop), 0);
    int status = -1;
    waitpid(reader, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(g.error, 0);
    assert_int_equal(g.f.bytes_out, sizeof text);
    close_scene(&s);
}

/* A process */

struct process {
    struct child child;
    bool ended;
};

static void process_ended(struct loop *l, struct child *c)
{
    ((struct process *)c)->ended = true;
    loop_stop(l);
}

static void a_process_has_the_connection(void **state)
{
    struct loop l;
    struct process p = {.child.ended = process_ended};
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)"read x; echo $x $Y; exit 7", NULL};
    char *env[] = {(char *)"Y=two", NULL}, *path = NULL;
    int ends[2];
    char answer[20] = "";
    (void)state;
    assert_int_equal(loop_init(&l), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(child_find("sh", &path), 0);
    assert_int_equal(child_start(&l, &p.child, path, argv, env, ends[1], ends[1]), 0);
    assert_int_equal(send(ends[0], "one\n", 4, 0), 4);
    assert_int_equal(loop_run(&l), 0);
    assert_true(p.ended);
    assert_int_equal(WEXITSTATUS(p.child.status), 7);
    assert_int_equal(recv(ends[0], answer, sizeof answer, 0), 8);
    assert_string_equal(answer, "one two\n");
    free(path);

    assert_int_equal(child_find("nosuchprogram", &path), -ENOENT);
    assert_int_equal(child_find("/etc/passwd", &path), -EACCES);
    assert_int_equal(child_find("/", &path), -EISDIR);
    assert_int_equal(child_start(&l, &p.child, "/nowhere", argv, env, ends[1], ends[1]), -ENOENT);
    close(ends[0]);
    close(ends[1]);
    loop_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_keep_the_order),
        cmocka_unit_test(nobody_above_the_limit),
        cmocka_unit_test(without_descriptors_they_wait),
        cmocka_unit_test(last_words_arrive_though_the_peer_talks),
        cmocka_unit_test(a_process_has_the_connection),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
