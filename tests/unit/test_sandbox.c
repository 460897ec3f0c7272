#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "flow/sandbox.h"

/* Each case runs in a process of its own, which ends with the line of what was wrong, or 0. */
#define CHECK(what)               \
    do {                          \
        if (!(what))              \
            _exit_line(__LINE__); \
    } while (0)

static char folder[] = "/tmp/berth-sandbox-XXXXXX";

static void _exit_line(int line)
{
    fprintf(stderr, "line %d: errno %d\n", line, errno);
    _exit(1);
}

static struct sandbox_done enter(struct sandbox *s)
{
    struct sandbox_done done = {0};
    struct err e = {0};
    if (sandbox_enter(s, &done, &e) < 0) {
        err_print(&e, stderr);
        _exit(2);
    }
    sandbox_clear(s);
    return done;
}

static void allow(struct sandbox *s, const char *path, unsigned rights)
{
    CHECK(vec_add(&s->places, &(struct sandbox_place){.path = path, .rights = rights}) == 0);
}

static int open_error(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int connect_error(int listener)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    getsockname(listener, (struct sockaddr *)&a, &n);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(fd, (struct sockaddr *)&a, n) < 0 ? errno : 0;
    close(fd);
    return error;
}

static int listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK(listen(fd, 1) == 0);
    return fd;
}

/* The cases */

static void files_that_are_not_named(void)
{
    struct sandbox s = SANDBOX_INIT;
    CHECK(chdir(folder) == 0);
    CHECK(mkdir("read", 0700) == 0 || errno == EEXIST);
    CHECK(mkdir("make", 0700) == 0 || errno == EEXIST);
    CHECK(open_error("read/file", O_CREAT | O_WRONLY) == 0);
    allow(&s, "read", SANDBOX_READ);
    allow(&s, "make", SANDBOX_CREATE);
    if (!enter(&s).landlock)
        _exit(77);
    CHECK(open_error("/etc/passwd", O_RDONLY) == EACCES);
    CHECK(open_error("outside", O_CREAT | O_WRONLY) == EACCES);
    CHECK(open_error("read/file", O_RDONLY) == 0);
    CHECK(open_error("read/file", O_WRONLY) == EACCES);
    CHECK(open_error("read/new", O_CREAT | O_WRONLY) == EACCES);
    CHECK(open_error("read", O_RDONLY | O_DIRECTORY) == 0);
    CHECK(open_error("make/new", O_CREAT | O_WRONLY) == 0);
    CHECK(rename("make/new", "make/newer") == 0);
    CHECK(unlink("make/newer") == 0);
    CHECK(unlink("read/file") < 0 && errno == EACCES);
    CHECK(open_error("/dev/null", O_RDWR) == 0);
}

static void a_folder_that_is_open(void)
{
    struct sandbox s = SANDBOX_INIT;
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(vec_add(&s.places, &(struct sandbox_place){.fd = fd, .rights = SANDBOX_READ}) == 0);
    if (!enter(&s).landlock)
        _exit(77);
    CHECK(open_error(folder, O_RDONLY | O_DIRECTORY) == 0);
    CHECK(open_error("/etc", O_RDONLY | O_DIRECTORY) == EACCES);
}

static void ports_that_are_not_named(void)
{
    enum { ABI_NET = 4 };
    struct sandbox s = SANDBOX_INIT;
    int named = listen_somewhere(), other = listen_somewhere();
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    getsockname(named, (struct sockaddr *)&a, &n);
    CHECK(vec_add(&s.ports, &(uint16_t){ntohs(a.sin_port)}) == 0);
    if (enter(&s).landlock < ABI_NET)
        _exit(77);
    CHECK(connect_error(named) == 0);
    CHECK(connect_error(other) == EACCES);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_port = 0;
    CHECK(bind(fd, (struct sockaddr *)&a, n) < 0 && errno == EACCES);
}

static void calls_that_nobody_makes(void)
{
    struct sandbox s = SANDBOX_INIT;
    char *const argv[] = {(char *)"true", NULL};
    allow(&s, "/", SANDBOX_READ);
    if (!enter(&s).seccomp)
        _exit(77);
    CHECK(execv("/bin/true", argv) < 0 && errno == EPERM);
    CHECK(mount("none", folder, "tmpfs", 0, NULL) < 0 && errno == EPERM);
    CHECK(setuid(1) < 0 && errno == EPERM);
    CHECK(unshare(0) < 0 && errno == EPERM);
    CHECK(ioctl(0, TIOCSTI, "x") < 0 && errno == EPERM);
#ifndef __SANITIZE_ADDRESS__
    CHECK(fork() < 0 && errno == EPERM);
    CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
#endif
}

static void *lives(void *arg)
{
    *(bool *)arg = open_error("/etc/passwd", O_RDONLY) != 0;
    return NULL;
}

static void threads_are_made_and_are_within(void)
{
    struct sandbox s = SANDBOX_INIT;
    pthread_t thread;
    bool refused = false;
    if (!enter(&s).landlock)
        _exit(77);
    CHECK(pthread_create(&thread, NULL, lives, &refused) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(refused);
}

static bool status_has(const char *line)
{
    char text[8192];
    int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, line) != NULL;
}

static void capabilities(void)
{
    struct sandbox s = SANDBOX_INIT;
    allow(&s, "/proc", SANDBOX_READ);
    enter(&s);
    CHECK(status_has("CapPrm:\t0000000000000000"));
    CHECK(status_has("CapEff:\t0000000000000000"));
    CHECK(status_has("NoNewPrivs:\t1"));
}

static void capabilities_that_stay(void)
{
    struct sandbox s = SANDBOX_INIT;
    if (geteuid() != 0)
        _exit(77);
    s.reads_everybodys = true;
    allow(&s, "/proc", SANDBOX_READ);
    enter(&s);
    CHECK(status_has("CapEff:\t0000000000000004"));
}

struct test_case {
    void (*run)(void);
};

static void in_a_process(void **state)
{
    const struct test_case *c = *state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        c->run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const left[] = {"read/file", "read", "make"};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, left[i]);
        remove(path);
    }
    return remove(folder);
}

#define CASE(function)                                                                     \
    {                                                                                      \
        .name = #function, .test_func = in_a_process, .initial_state = &(struct test_case) \
        {                                                                                  \
            function                                                                       \
        }                                                                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_that_are_not_named),        CASE(a_folder_that_is_open),
        CASE(ports_that_are_not_named),        CASE(calls_that_nobody_makes),
        CASE(threads_are_made_and_are_within), CASE(capabilities),
        CASE(capabilities_that_stay),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
