/* berth free: ends what holds a port, after it was shown and confirmed, and says whether the port
 * is free in the end.
 *
 * A process is ended through a pidfd that was opened before the question was asked, so that a pid
 * that is used again meanwhile is never hit; a process that wasn't shown is never touched, nor is
 * any where showing failed. Where one of those can't be ended, none is.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/out.h"
#include "base/text.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/handed_on.h"
#include "cmd/holding.h"
#include "cmd/output.h"
#include "kernel/diag.h"
#include "kernel/privilege.h"
#include "kernel/process.h"

struct free_arguments {
    struct sockets_arguments sockets;
    bool yes, connections, kill, dry_run;
    int colour; /* enum render_colour */
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
     .help = "show what would be ended or closed, and leave it"},
    {.name = "timeout",
     .letter = 't',
     .type = OPTION_DURATION,
     .field = offsetof(struct free_arguments, timeout_ns),
     .metavar = "TIME",
     .help = "how long to wait for a process to end (10s)"},
    {.name = "color",
     .type = OPTION_CHOICE,
     .field = offsetof(struct free_arguments, colour),
     .metavar = "WHEN",
     .choices = output_colour_choices,
     .help = "colours: auto, always or never"},
    {0},
};

/* One run of the command. */
struct freeing {
    const struct free_arguments *arguments;
    const struct holding_target *target;
    struct render_options render;
    struct out out;
    struct holding holding;
    struct vec targets; /* struct target */
    bool told;          /* of a target before this one */
};

/* A process that was shown. */
struct target {
    const struct predict_holder *holder;
    int pidfd;
    bool ended;
};

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static void name_target(struct buf *ret, const struct freeing *f)
{
    text_escape(ret, f->target->text, strlen(f->target->text));
}

static int send_signal(const struct target *t, int signal)
{
    return syscall(SYS_pidfd_send_signal, t->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* Opens the process that was read, and no other that has its pid by now. */
static int open_target(struct target *t, const struct predict_holder *h)
{
    *t = (struct target){.holder = h, .pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0)};
    if (t->pidfd < 0)
        return -errno;
    int r = h->process && process_is_alive(h->process) ? send_signal(t, 0) : -ESRCH;
    if (r < 0)
        fd_close(&t->pidfd);
    return r;
}

static int fail_target(const struct predict_holder *h, int code)
{
    struct err e;
    _cleanup_buf_ struct buf name = BUF_INIT(256);
    holder_name(&name, h);
    bool refused = code == EPERM;
    err_set(&e, code, "end", buf_cstr(&name), "%s%s", refused ? "nothing was ended; " : "",
            refused ? privilege_to_end() : "");
    return fail(&e);
}

/* Those that have ended by themselves are left out. */
static int collect_targets(struct freeing *f)
{
    for (size_t i = 0; i < f->holding.holders.all.len; i++) {
        const struct predict_holder *holder = vec_at(&f->holding.holders.all, i);
        struct target t;
        if (holder->pid == 0)
            continue;
        int r = open_target(&t, holder);
        if (r == -ESRCH)
            continue;
        if (r == 0 && vec_add(&f->targets, &t) < 0) {
            fd_close(&t.pidfd);
            r = -ENOMEM;
        }
        if (r < 0)
            return fail_target(holder, -r);
    }
    return 0;
}

static bool is_hidden(const struct freeing *f)
{
    for (size_t i = 0; i < f->holding.holders.all.len; i++)
        if (((const struct predict_holder *)vec_at(&f->holding.holders.all, i))->hidden)
            return true;
    return false;
}

static bool names_process(const struct freeing *f)
{
    for (size_t i = 0; i < f->holding.holders.all.len; i++)
        if (((const struct predict_holder *)vec_at(&f->holding.holders.all, i))->pid)
            return true;
    return false;
}

static bool are_remains(const struct predict_holders *h)
{
    for (size_t i = 0; i < h->all.len; i++) {
        const struct predict_holder *holder = vec_at(&h->all, i);
        if (holder->hidden || holder->counts[PREDICT_HOLD_REMAINS] != holder->sockets.len)
            return false;
    }
    return h->all.len > 0;
}

/* Who waits for the port mostly needn't. */
static void tell_of_remains(const struct freeing *f, const struct predict_holders *h)
{
    if (are_remains(h) && f->target->port.first)
        err_tell("that goes by itself, and a server that sets SO_REUSEADDR seldom has to wait: "
                 "berth explain bind --reuseaddr %u",
                 f->target->port.first);
}

/* Nobody to signal: hidden, or what is left of a connection. */
static int tell_no_process(const struct freeing *f)
{
    if (is_hidden(f)) {
        err_tell("nothing was ended: the process may not be seen (%s)", privilege_to_see());
        return EXIT_PERMISSION;
    }
    err_tell("nothing was ended: no process holds it");
    tell_of_remains(f, &f->holding.holders);
    return EXIT_NO;
}

/* Asks on the terminal; without one only --yes is consent. */
static bool consents(const char *question)
{
    char answer[16];
    if (!isatty(STDIN_FILENO)) {
        err_tell("nothing was ended: there is no terminal to ask on (use --yes)");
        return false;
    }
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int remaining_ms(uint64_t since_ns, uint64_t timeout_ns)
{
    uint64_t gone_ns = time_monotonic_ns() - since_ns;
    uint64_t left_ms = gone_ns < timeout_ns ? (timeout_ns - gone_ns) / 1000000 : 0;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static bool wait_for_end(struct freeing *f)
{
    bool all_ended = true;
    uint64_t since_ns = time_monotonic_ns();
    for (size_t i = 0; i < f->targets.len; i++) {
        struct target *t = vec_at(&f->targets, i);
        struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
        int n;
        do
            n = poll(&p, 1, remaining_ms(since_ns, f->arguments->timeout_ns));
        while (n < 0 && errno == EINTR);
        t->ended = n > 0;
        all_ended &= t->ended;
    }
    return all_ended;
}

static int signal_targets(const struct freeing *f, int signal)
{
    int status = 0;
    for (size_t i = 0; i < f->targets.len; i++) {
        const struct target *t = vec_at(&f->targets, i);
        int r = send_signal(t, signal);
        if (r < 0 && r != -ESRCH)
            status = fail_target(t->holder, -r);
    }
    return status;
}

static int tell_survivors(const struct freeing *f, const char *signal, const char *advice)
{
    _cleanup_buf_ struct buf waited = BUF_INIT(64);
    time_format_duration(&waited, f->arguments->timeout_ns);
    for (size_t i = 0; i < f->targets.len; i++) {
        const struct target *t = vec_at(&f->targets, i);
        _cleanup_buf_ struct buf name = BUF_INIT(256);
        holder_name(&name, t->holder);
        if (!t->ended)
            err_tell("%s hasn't ended %s after %s: %s", buf_cstr(&name), buf_cstr(&waited), signal,
                     advice);
    }
    return EXIT_NO;
}

static void warn_of_unit(const struct freeing *f)
{
    for (size_t i = 0; i < f->targets.len; i++) {
        const struct target *t = vec_at(&f->targets, i);
        const char *unit = t->holder->process->unit;
        const char *dot = unit ? strrchr(unit, '.') : NULL;
        if (dot && strcmp(dot, ".service") == 0)
            err_tell("it runs in %s, which may start it again: systemctl stop %s", unit, unit);
    }
}

static int end_processes(struct freeing *f)
{
    warn_of_unit(f);
    int status = signal_targets(f, SIGTERM);
    if (status || wait_for_end(f))
        return status;
    if (!f->arguments->kill)
        return tell_survivors(f, "SIGTERM",
                              "it ignores that, or needs longer (--timeout); --kill ends it then");
    status = signal_targets(f, SIGKILL);
    if (status || wait_for_end(f))
        return status;
    return tell_survivors(f, "SIGKILL", "it will when what it waits for in the kernel is over");
}

static int free_processes(struct freeing *f)
{
    int status = collect_targets(f);
    if (status)
        return status;
    if (!names_process(f))
        return tell_no_process(f);
    if (f->targets.len == 0)
        return 0; /* they have ended meanwhile */
    if (!f->arguments->yes &&
        !consents(f->targets.len == 1 ? "End this process?" : "End them all?"))
        return EXIT_NO;
    return end_processes(f);
}

static bool is_connection(const struct net_socket *s)
{
    return !net_socket_is_listener(s) && s->peer_port;
}

static const struct net_socket *found_at(const struct freeing *f, size_t i)
{
    return *(const struct net_socket *const *)vec_at(&f->holding.found, i);
}

static uint32_t count_connections(const struct freeing *f)
{
    uint32_t n = 0;
    for (size_t i = 0; i < f->holding.found.len; i++)
        n += is_connection(found_at(f, i));
    return n;
}

static int try_dry(struct freeing *f)
{
    uint32_t n = count_connections(f);
    if (f->arguments->connections)
        buf_printf(&f->out.buf, "%u connection%s would be closed\n", n, n == 1 ? "" : "s");
    return EXIT_YES;
}

static int free_connections(struct freeing *f)
{
    struct err e = {0};
    uint32_t closed = 0, n = count_connections(f);
    if (n && !f->arguments->yes &&
        !consents(n == 1 ? "Close this connection?" : "Close these connections?"))
        return EXIT_NO;
    for (size_t i = 0; i < f->holding.found.len; i++) {
        if (!is_connection(found_at(f, i)))
            continue;
        int r = diag_destroy(found_at(f, i), &e);
        if (r == -ENOENT)
            continue; /* closed meanwhile */
        if (r < 0)
            return fail(&e);
        closed++;
    }
    buf_printf(&f->out.buf, "closed %u connection%s\n", closed, closed == 1 ? "" : "s");
    return 0;
}

static void describe_all(struct freeing *f, struct holding *h)
{
    holder_text_fit(&h->text, &f->render);
    holding_describe(&f->out.buf, h);
}

static bool is_taken(const struct holding *h)
{
    return h->holders.all.len > 0;
}

/* Who takes the port then will hear nobody. */
static bool is_handed_on(struct freeing *f)
{
    struct buf *out = &f->out.buf;
    if (f->told)
        buf_char(out, '\n');
    bool found = handed_on_describe(out, &f->render, f->target, "nothing is bound to ");
    if (!found)
        out->len -= f->told;
    return found;
}

/* A port that nobody has is free, which is what was wished for. Whoever else wasn't found wasn't
 * ended either, and may have been misspelt. */
static int tell_nobody(struct freeing *f)
{
    bool process = f->target->meaning == HOLDING_PROCESS;
    if (!holding_target_is_port(f->target))
        return holding_tell_nobody(&f->holding, f->target,
                                   process ? " in this network namespace" : "");
    if (is_handed_on(f))
        return EXIT_YES;
    name_target(&f->out.buf, f);
    buf_str(&f->out.buf, " is free\n");
    return EXIT_YES;
}

static int tell_taken(struct freeing *f, struct holding *again)
{
    bool port = holding_target_is_port(f->target);
    name_target(&f->out.buf, f);
    buf_str(&f->out.buf, port ? " is still taken:\n\n" : " still has sockets:\n\n");
    describe_all(f, again);
    tell_of_remains(f, &again->holders);
    return EXIT_NO;
}

static int tell_ended(struct freeing *f)
{
    bool process = f->target->meaning == HOLDING_PROCESS;
    if (holding_target_is_port(f->target))
        return tell_nobody(f);
    buf_str(&f->out.buf, process ? "" : "nobody has ");
    name_target(&f->out.buf, f);
    buf_str(&f->out.buf, process ? " has ended\n" : " any more\n");
    return EXIT_YES;
}

/* The port once more: whether it is free is for the kernel to say. */
static int tell_outcome(struct freeing *f)
{
    struct holding again;
    int status = holding_read(&again, &command_free, &f->arguments->sockets, f->target);
    if (status == 0)
        status = is_taken(&again) ? tell_taken(f, &again) : tell_ended(f);
    holding_clear(&again);
    return status;
}

static int free_target(struct freeing *f)
{
    const struct free_arguments *a = f->arguments;
    int status = holding_read(&f->holding, &command_free, &a->sockets, f->target);
    if (status)
        return status;
    if (!is_taken(&f->holding))
        return tell_nobody(f);
    if (f->told)
        buf_char(&f->out.buf, '\n');
    describe_all(f, &f->holding);
    if (a->dry_run)
        return try_dry(f);
    if (out_flush(&f->out) < 0)
        return EXIT_NO; /* what wasn't shown isn't ended */
    if (a->connections)
        return free_connections(f);
    status = free_processes(f);
    return status ? status : tell_outcome(f);
}

static void clear_target(struct freeing *f)
{
    for (size_t i = 0; i < f->targets.len; i++)
        fd_close(&((struct target *)vec_at(&f->targets, i))->pidfd);
    vec_free(&f->targets);
    holding_clear(&f->holding);
    f->holding = (struct holding){0};
}

/* One after the other; the exit status is the worst of theirs. */
static int free_all(struct freeing *f, const struct vec *targets)
{
    int worst = EXIT_YES;
    for (size_t i = 0; i < targets->len && !f->out.error; i++) {
        f->target = vec_at(targets, i);
        int status = free_target(f);
        status = command_output_status(out_flush(&f->out), status);
        sockets_tell_notes(&f->holding.sockets);
        clear_target(f);
        f->told = true;
        worst = status > worst ? status : worst;
    }
    return worst;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct free_arguments *a = arguments;
    _cleanup_targets_ struct vec targets;
    struct freeing f = {
        .arguments = a,
        .render = render_options_detect(STDOUT_FILENO, RENDER_TABLE, (enum render_colour)a->colour),
        .targets = VEC_INIT(struct target)};
    out_init(&f.out, STDOUT_FILENO);
    int status = holding_targets_read(&targets, &command_free, words);
    if (status == 0)
        status = free_all(&f, &targets);
    out_clear(&f.out);
    return status;
}

const struct command command_free = {
    .name = "free",
    .group = "See",
    .summary = "end what holds a port",
    .usage = "TARGET…",
    .description =
        "Shows who holds the port, asks, sends SIGTERM, waits, and says whether the port is free "
        "then. TARGET is as in berth-who(1). Only processes that were shown are ended, and where "
        "one of them can't be, none is.",
    .options = free_options,
    .arguments_size = sizeof(struct free_arguments),
    .defaults = &free_defaults,
    .min_words = 1,
    .max_words = -1,
    .run = run,
};
