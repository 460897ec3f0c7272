/*
 * Many sockets fast, for benchmarks: N connections, listeners or TIME_WAITs over M processes, all
 * on loopback. Reports a summary, not each socket. Each process has a 127/8 address of its own, so
 * that ports never run out, and at most RLIMIT_NOFILE descriptors.
 */
#include "mksock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEWAIT_PER_LISTENER = 10000, FIRST_PORT = 10000 };

/* What a worker tells when all its sockets are there. */
struct worker_done {
    pid_t pids[2];
    int error;
};

struct scene {
    long index; /* of the worker */
    long count; /* connections or listeners of this worker */
    bool split; /* the accepted ends go to a process of their own */
    const char *comm;
    int (*build)(const struct scene *scene, int **ret_servers);
};

static struct sockaddr_in worker_addr(long index, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl((uint32_t)(0x7f010000 + (index / 250) * 256 + index % 250 + 1));
    return in;
}

static int listener_open(long index, uint16_t port)
{
    struct sockaddr_in in = worker_addr(index, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 128) < 0)
        return -errno;
    return fd;
}

/* FROM: the client's address, NULL for one that the kernel chooses */
static int connect_to(int listener, const struct sockaddr_in *from, int *ret_client,
                      int *ret_server)
{
    struct sockaddr_in in;
    socklen_t len = sizeof(in);

    if (getsockname(listener, (struct sockaddr *)&in, &len) < 0)
        return -errno;
    *ret_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*ret_client < 0 || (from && bind(*ret_client, (struct sockaddr *)from, sizeof(*from)) < 0))
        return -errno;
    if (connect(*ret_client, (struct sockaddr *)&in, sizeof(in)) < 0)
        return -errno;
    *ret_server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return *ret_server < 0 ? -errno : 0;
}

/* Connects COUNT times; the accepted ends in *ret_servers, of which element 0 is the listener. */
static int build_connections(const struct scene *scene, int **ret_servers)
{
    int client;
    int *servers = mk_alloc(sizeof(int) * (size_t)(scene->count + 1));

    servers[0] = listener_open(scene->index, 0);
    if (servers[0] < 0)
        return servers[0];
    for (long i = 0; i < scene->count; i++) {
        int r = connect_to(servers[0], NULL, &client, &servers[i + 1]);
        if (r < 0)
            return r;
    }
    *ret_servers = servers;
    return 0;
}

static int build_listeners(const struct scene *scene, int **ret_servers)
{
    (void)ret_servers;
    for (long i = 0; i < scene->count; i++) {
        int fd = listener_open(scene->index, (uint16_t)(FIRST_PORT + i));
        if (fd < 0)
            return fd;
    }
    return 0;
}

/* Parts with the servers' ends: the child keeps those, this process the rest. */
static pid_t split_off(const struct scene *scene, const int *servers)
{
    int server_first = servers[1];
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) { /* descriptors alternate: client, server, client, server … from the first */
        mk_die_with(parent);
        for (long i = 0; i < scene->count; i++)
            close(server_first - 1 + (int)(2 * i));
        for (;;)
            pause();
    }
    for (long i = 0; pid > 0 && i <= scene->count; i++)
        close(servers[i]);
    return pid;
}

static _Noreturn void worker_main(const struct scene *scene, int pipe_fd, pid_t parent)
{
    struct worker_done done = {.pids = {getpid()}};
    int *servers = NULL;

    mk_die_with(parent);
    mk_set_comm(scene->comm);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    close(null);
    done.error = scene->build(scene, &servers);
    if (!done.error && scene->split && scene->count)
        done.pids[1] = split_off(scene, servers);
    if (write(pipe_fd, &done, sizeof(done)) != sizeof(done) || done.error)
        _exit(1);
    close(pipe_fd);
    for (;;)
        pause();
}

static void print_workers(const struct mk *mk, const struct mk_process *until)
{
    const char *comma = "";
    printf(",\"pids\":[");
    for (const struct mk_process *p = mk->processes; p != until; p = p->next) {
        printf("%s%d", comma, (int)p->pid);
        comma = ",";
    }
    printf("]}\n");
}

/* Waits for N workers; the first error wins, but all of them are known by pid before that. */
static int workers_wait(struct mk *mk, int pipe_fd, long n)
{
    struct worker_done done;
    int error = 0;

    for (long i = 0; i < n; i++) {
        if (read(pipe_fd, &done, sizeof(done)) != sizeof(done))
            return error ? error : -ECHILD;
        if (done.error) {
            error = error ? error : done.error;
            continue;
        }
        for (int k = 0; k < 2; k++)
            if (done.pids[k] > 0)
                mk_process_add(mk, "scene", done.pids[k]);
    }
    return error;
}

static int workers_start(struct mk *mk, const struct scene *scene, long count, long workers)
{
    int pipe_fds[2];
    long started = 0;
    pid_t parent = getpid();

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    fflush(stdout);
    for (; started < workers; started++) {
        struct scene mine = *scene;
        mine.index = (long)mk->serial + started;
        mine.count = count / workers + (started < count % workers);
        pid_t pid = fork();
        if (pid == 0) {
            close(pipe_fds[0]);
            worker_main(&mine, pipe_fds[1], parent);
        }
        if (pid < 0)
            break;
    }
    mk->serial += (unsigned)workers;
    close(pipe_fds[1]);
    int r = workers_wait(mk, pipe_fds[0], started);
    close(pipe_fds[0]);
    return started < workers ? -EAGAIN : r;
}

static int scene_run(struct mk *mk, struct mk_line *line, struct scene *scene, const char *key)
{
    const struct mk_process *before = mk->processes;
    const char *comm = mk_value(line, "comm");
    long count, processes;
    int64_t start = mk_now_ms();

    scene->comm = comm ? comm : "scene";
    if (mk_number(mk, line, key, 1, &count) < 0 ||
        mk_number(mk, line, "processes", 1, &processes) < 0 || mk_check_used(mk, line) < 0)
        return -1;
    if (count < 0 || processes < 1)
        return mk_usage(mk, "cannot be", mk->line);
    long workers = scene->split ? (processes + 1) / 2 : processes;
    int r = workers_start(mk, scene, count, workers);
    if (r < 0)
        return mk_fail(mk, "scene", -r);
    printf("{\"scene\":\"%s\",\"count\":%ld,\"ms\":%lld", line->words[0], count,
           (long long)(mk_now_ms() - start));
    print_workers(mk, before);
    return 0;
}

/* scene connections=N processes=M [split]: 2N sockets and a listener a process */
int mk_do_scene(struct mk *mk, struct mk_line *line)
{
    struct scene scene = {.split = mk_flag(line, "split"), .build = build_connections};
    return scene_run(mk, line, &scene, "connections");
}

int mk_do_listeners(struct mk *mk, struct mk_line *line)
{
    struct scene scene = {.build = build_listeners};
    return scene_run(mk, line, &scene, "count");
}

static void raise_timewait_limit(long count)
{
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_max_tw_buckets", "we");
    if (!file)
        return;
    fprintf(file, "%ld\n", count + 1000);
    fclose(file);
}

/*
 * The client closes first, and so it is the one that waits. Each has a port of its own: on loopback
 * the kernel gives a port in TIME_WAIT to the next connection after a second (tcp_tw_reuse).
 */
static int timewait_some(struct mk *mk, long count)
{
    int client = -1, server = -1;
    int r = 0;
    long index = (long)mk->serial++;
    int listener = listener_open(index, 0);

    for (long i = 0; listener >= 0 && r == 0 && i < count; i++) {
        struct sockaddr_in from = worker_addr(index, (uint16_t)(FIRST_PORT + i));
        r = connect_to(listener, &from, &client, &server);
        if (r == 0) {
            close(client);
            close(server);
        }
    }
    if (listener >= 0)
        close(listener);
    return listener < 0 ? listener : r;
}

/* timewait count=N: they last 60 s */
int mk_do_timewait(struct mk *mk, struct mk_line *line)
{
    long count;
    int64_t start = mk_now_ms();

    if (mk_number(mk, line, "count", 1, &count) < 0 || mk_check_used(mk, line) < 0)
        return -1;
    raise_timewait_limit(count);
    for (long left = count; left > 0; left -= TIMEWAIT_PER_LISTENER) {
        int r = timewait_some(mk, left < TIMEWAIT_PER_LISTENER ? left : TIMEWAIT_PER_LISTENER);
        if (r < 0)
            return mk_fail(mk, "timewait", -r);
    }
    printf("{\"scene\":\"timewait\",\"count\":%ld,\"ms\":%lld,\"pids\":[]}\n", count,
           (long long)(mk_now_ms() - start));
    return 0;
}
