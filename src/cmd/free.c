/* berth free: ends what holds a port, after it was shown and confirmed, and says whether the port
 * is free in the end.
 *
 * A process is ended through a pidfd that was opened before the question was asked, so that a pid
 * that is used again meanwhile is never hit; a process that wasn't shown is never touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/holding.h"
#include "kernel/diag.h"
#include "kernel/process.h"

struct free_arguments {
    struct sockets_arguments sockets;
    bool yes, connections, kill, dry_run;
    uint64_t timeout_ns;
};

static const struct free_arguments free_defaults = {.timeout_ns = 10 * 1000000000ull};

static const struct command_option free_options[] = {
    {.name = "yes",
     .letter = 'y',
     .field = offsetof(struct free_arguments, yes),
     .help = "don't ask"},
    {.name = "connections",
     .letter = 'c',
     .field = offsetof(struct free_arguments, connections),
     .help = "close the connections and leave the process: needs CAP_NET_ADMIN"},
    {.name = "kill",
     .letter = 'k',
     .field = offsetof(struct free_arguments, kill),
     .help = "SIGKILL for what doesn't end on SIGTERM in time"},
    {.name = "dry-run",
     .field = offsetof(struct free_arguments, dry_run),
     .help = "show what would be ended, and end nothing"},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .field = offsetof(struct free_arguments, timeout_ns),
     .metavar = "TIME",
     .help = "how long to wait for a process to end (10s)"},
    {0},
};

/* A process that was shown. */
struct target {
    const struct net_holder *holder;
    int pidfd;
};

/* Whether the pid still means the process that was read. */
static bool is_same_process(const struct net_holder *h)
{
    char path[32];
    struct net_process now = {0};
    snprintf(path, sizeof path, "/proc/%d", h->pid);
    _cleanup_fd_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || process_read(dir, h->pid, &now) < 0)
        return false;
    bool same = !h->process || !(h->process->known >> NET_P_START & 1) ||
                process_is_same_start(now.start_ns, h->process->start_ns);
    process_clear(&now);
    return same;
}

/* Opens the process that was read, and no other that has its pid by now. */
static int open_target(struct target *t, const struct net_holder *h)
{
    *t = (struct target){.holder = h, .pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0)};
    if (t->pidfd < 0)
        return -errno;
    if (is_same_process(h))
        return 0;
    fd_close(&t->pidfd);
    return -ESRCH;
}

static void close_targets(struct vec *targets)
{
    for (size_t i = 0; i < targets->len; i++)
        fd_close(&((struct target *)vec_at(targets, i))->pidfd);
    vec_free(targets);
}

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static int collect_targets(const struct holding *h, struct vec *targets)
{
    for (size_t i = 0; i < h->holders.all.len; i++) {
        const struct net_holder *holder = vec_at(&h->holders.all, i);
        struct target t;
        if (holder->pid == 0)
            continue;
        int r = open_target(&t, holder);
        if (r == -ESRCH)
            continue; /* it has ended by itself */
        if (r < 0)
            return r;
        if (vec_add(targets, &t) < 0) {
            fd_close(&t.pidfd);
            return -ENOMEM;
        }
    }
    return 0;
}

/* Asks on the terminal; without one only --yes is consent. */
static bool consents(const char *question)
{
    char answer[16];
    if (!isatty(STDIN_FILENO)) {
        fputs("berth: nothing was ended: there is no terminal to ask on (use --yes)\n", stderr);
        return false;
    }
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static bool wait_for_end(const struct vec *targets, uint64_t deadline_ns)
{
    bool all_ended = true;
    for (size_t i = 0; i < targets->len; i++) {
        const struct target *t = vec_at(targets, i);
        uint64_t now = time_monotonic_ns();
        int timeout_ms = deadline_ns > now ? (int)((deadline_ns - now) / 1000000) : 0;
        struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
        int n;
        do
            n = poll(&p, 1, timeout_ms);
        while (n < 0 && errno == EINTR);
        all_ended &= n > 0;
    }
    return all_ended;
}

static int signal_targets(const struct vec *targets, int signal, struct err *e)
{
    int first_failure = 0;
    for (size_t i = 0; i < targets->len; i++) {
        const struct target *t = vec_at(targets, i);
        if (syscall(SYS_pidfd_send_signal, t->pidfd, signal, NULL, 0) == 0 || errno == ESRCH)
            continue;
        int code = errno;
        _cleanup_buf_ struct buf name = BUF_INIT(256);
        holder_name(&name, t->holder);
        int r = err_set(e, code, "end", buf_cstr(&name),
                        code == EPERM ? "it belongs to another user: run as root" : NULL);
        first_failure = first_failure ? first_failure : r;
    }
    return first_failure;
}

/* The port once more: whether it is free is for the kernel to say. */
static int tell_outcome(const struct free_arguments *a, const char *filter, const char *target)
{
    struct holding again;
    int status = holding_read(&again, &command_free, &a->sockets, filter);
    if (status == 0) {
        _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
        for (size_t i = 0; i < again.holders.all.len; i++)
            holder_describe(&text, &again.text, vec_at(&again.holders.all, i));
        if (again.holders.all.len) {
            printf("%s is still taken:\n\n%s", target, buf_cstr(&text));
            status = EXIT_NO;
        } else {
            printf("%s is free\n", target);
        }
    }
    holding_clear(&again);
    return status;
}

static void warn_of_unit(const struct vec *targets)
{
    for (size_t i = 0; i < targets->len; i++) {
        const struct net_process *p = ((const struct target *)vec_at(targets, i))->holder->process;
        const char *dot = p && p->unit ? strrchr(p->unit, '.') : NULL;
        if (dot && strcmp(dot, ".service") == 0)
            fprintf(stderr, "berth: it runs in %s, which may start it again: systemctl stop %s\n",
                    p->unit, p->unit);
    }
}

static int end_processes(const struct free_arguments *a, const struct vec *targets)
{
    struct err e = {0};
    warn_of_unit(targets);
    if (signal_targets(targets, SIGTERM, &e) < 0)
        return fail(&e);
    if (wait_for_end(targets, time_monotonic_ns() + a->timeout_ns))
        return 0;
    if (!a->kill) {
        fputs("berth: it didn't end on SIGTERM (--kill sends SIGKILL then)\n", stderr);
        return EXIT_NO;
    }
    if (signal_targets(targets, SIGKILL, &e) < 0)
        return fail(&e);
    return wait_for_end(targets, time_monotonic_ns() + a->timeout_ns) ? 0 : EXIT_NO;
}

static int free_processes(const struct free_arguments *a, const struct holding *h)
{
    _cleanup_vec_ struct vec targets = VEC_INIT(struct target);
    struct err e = {0};
    int status = 0;
    int r = collect_targets(h, &targets);
    if (r < 0) {
        err_set(&e, -r, "open the processes of", "the port", NULL);
        status = fail(&e);
    } else if (targets.len == 0) {
        fputs("berth: no process to end\n", stderr);
        status = EXIT_NO;
    } else if (!a->yes && !consents(targets.len == 1 ? "End this process?" : "End them all?")) {
        status = EXIT_NO;
    } else {
        status = end_processes(a, &targets);
    }
    close_targets(&targets);
    return status;
}

static int free_connections(const struct free_arguments *a, const struct holding *h)
{
    struct err e = {0};
    uint32_t closed = 0;
    if (!a->yes && !consents("Close these connections?"))
        return EXIT_NO;
    for (size_t i = 0; i < h->found.len; i++) {
        const struct net_socket *s = *(const struct net_socket *const *)vec_at(&h->found, i);
        if (net_socket_is_listener(s) || !s->peer_port)
            continue;
        int r = diag_destroy(s, &e);
        if (r == -ENOENT)
            continue; /* closed meanwhile */
        if (r < 0)
            return fail(&e);
        closed++;
    }
    printf("closed %u connection%s\n", closed, closed == 1 ? "" : "s");
    return 0;
}

static int free_holding(const struct free_arguments *a, const char *filter, const char *target,
                        struct holding *h)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    int status = holding_read(h, &command_free, &a->sockets, filter);
    if (status)
        return status;
    if (h->holders.all.len == 0) {
        printf("%s is free\n", target);
        return EXIT_YES;
    }
    for (size_t i = 0; i < h->holders.all.len; i++)
        holder_describe(&text, &h->text, vec_at(&h->holders.all, i));
    fputs(buf_cstr(&text), stdout);
    fflush(stdout);
    if (a->dry_run)
        return EXIT_YES;
    status = a->connections ? free_connections(a, h) : free_processes(a, h);
    return status || a->connections ? status : tell_outcome(a, filter, target);
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct free_arguments *a = arguments;
    struct holding h = {0};
    _cleanup_buf_ struct buf filter = BUF_INIT(1 << 16);

    holding_target(&filter, words);
    int status = free_holding(a, buf_cstr(&filter), words->words[0], &h);
    sockets_tell_notes(&h.sockets);
    holding_clear(&h);
    return status;
}

const struct command command_free = {
    .name = "free",
    .summary = "end what holds a port",
    .usage = "TARGET…",
    .description =
        "Shows who holds the port, asks, sends SIGTERM, waits, and says whether the port is free "
        "then. TARGET is as in berth-who(1). Only processes that were shown are ended.",
    .options = free_options,
    .arguments_size = sizeof(struct free_arguments),
    .defaults = &free_defaults,
    .min_words = 1,
    .max_words = -1,
    .run = run,
};
