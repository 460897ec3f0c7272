/* berth connect --repeat: the same connection many times, some at once, and how long each phase
 * took.
 *
 * Names are looked up once, before. Each try is a struct probe, which makes one connection after
 * the other until all have been started: connects, says what is to be said, hears the peer to its
 * end or to what was expected, and closes. What is heard goes nowhere.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/out.h"
#include "base/time.h"
#include "cli/command.h"
#include "cmd/connect.h"
#include "flow/hook_crlf.h"
#include "flow/hook_expect.h"
#include "flow/pair.h"
#include "flow/signals.h"
#include "render/render.h"

enum phase { PHASE_CONNECT, PHASE_FIRST_BYTE, PHASE_TOTAL, PHASES };

struct sample {
    struct vec times; /* uint64_t, nanoseconds */
    uint64_t failed;
};

enum { REASONS = 8, NS_PER_US = 1000 };

/* Why some failed: the first few kinds, and how many each. */
struct reason {
    char words[160];
    uint64_t count;
};

struct repeat {
    struct connect *connect;
    char *scratch;
    uint64_t left; /* to be started */
    uint64_t running;
    struct sample samples[PHASES];
    struct reason reasons[REASONS];
    int error; /* that ends it all: -ENOMEM, -EMFILE … */
    struct signals signals;
    int signal; /* that ended it; 0 none */
};

struct probe {
    struct repeat *repeat;
    struct reach reach;
    struct pair pair;
    struct tls_fault fault; /* nobody asks */
    struct pump_hook first_byte;
    struct hook_expect expect;
    struct hook_crlf crlf;
    struct loop_turn turn; /* begins the next one */
    bool talks;            /* the pair runs */
    uint64_t began_ns, connected_ns, first_ns;
};

static bool talks(const struct connect_arguments *a)
{
    return a->send || a->send_file || a->expect;
}

static void note_time(struct repeat *r, enum phase phase, uint64_t from_ns, uint64_t to_ns)
{
    uint64_t took = to_ns - from_ns;
    if (vec_add(&r->samples[phase].times, &took) < 0)
        r->error = -ENOMEM;
}

static void note_failure(struct repeat *r, enum phase phase, const char *words)
{
    struct reason *reason = r->reasons;
    char first = (char)tolower((unsigned char)*words); /* of strerror */
    r->samples[phase].failed++;
    while (reason->count && strcmp(reason->words + 1, words + 1) != 0 &&
           reason + 1 < r->reasons + REASONS)
        reason++;
    snprintf(reason->words, sizeof reason->words, "%c%s", first, words + 1);
    reason->count++;
}

static void end(struct loop *l, struct probe *p)
{
    struct repeat *r = p->repeat;
    hook_expect_clear(&p->expect);
    hook_crlf_clear(&p->crlf);
    p->talks = false;
    r->running--;
    loop_turn_add(l, &p->turn);
}

/* The conversation */

static void over(struct loop *l, struct pair *pair)
{
    struct probe *p = (struct probe *)((char *)pair - offsetof(struct probe, pair));
    struct repeat *r = p->repeat;
    bool expects = r->connect->arguments->expect != NULL;
    if (pair->why == PAIR_STOPPED) {
        end(l, p);
        return;
    }
    if (p->first_ns)
        note_time(r, PHASE_FIRST_BYTE, p->connected_ns, p->first_ns);
    if (pair->why == PAIR_A_FAILED || pair->why == PAIR_B_FAILED)
        note_failure(r, PHASE_TOTAL, strerror(pair->error));
    else if (pair->why == PAIR_LIFETIME)
        note_failure(r, PHASE_TOTAL, "--timeout was over");
    else if (expects && !p->expect.found)
        note_failure(r, PHASE_TOTAL, "what was expected didn't come");
    else
        note_time(r, PHASE_TOTAL, p->began_ns, time_monotonic_ns());
    end(l, p);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is that of struct pump_hook */
static int see_first_byte(struct pump_hook *h, const char **bytes, size_t *n)
{
    struct probe *p = (struct probe *)((char *)h - offsetof(struct probe, first_byte));
    (void)bytes;
    if (*n && !p->first_ns)
        p->first_ns = time_monotonic_ns();
    return 0;
}

static int init_hooks(struct probe *p)
{
    const struct connect_arguments *a = p->repeat->connect->arguments;
    p->first_byte = (struct pump_hook){.pass = see_first_byte};
    p->pair.ba.hooks = &p->first_byte;
    hook_crlf_init(&p->crlf);
    if (a->crlf)
        p->pair.ab.hooks = &p->crlf.hook;
    if (!a->expect)
        return 0;
    int result = hook_expect_init(&p->expect, &p->pair.ba, a->expect, NULL, 0);
    p->expect.hook.next = &p->first_byte;
    p->pair.ba.hooks = &p->expect.hook;
    return result;
}

/* The same file with an offset of its own. */
static int open_again(int fd)
{
    char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    return again < 0 ? -errno : again;
}

static int init_near(struct probe *p)
{
    const struct connect *c = p->repeat->connect;
    _cleanup_fd_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int in = c->input == STDIN_FILENO ? -1 : open_again(c->input);
    if (null < 0)
        return -errno;
    if (in < 0 && c->input != STDIN_FILENO)
        return in;
    stream_init_own(&p->pair.a, in, fd_take(&null));
    if (in < 0)
        p->pair.a.ended = p->pair.a.can_read = true;
    return 0;
}

static int talk(struct loop *l, struct probe *p)
{
    const struct connect_arguments *a = p->repeat->connect->arguments;
    bool sends = a->send || a->send_file;
    pair_init(&p->pair);
    int result = init_near(p);
    if (result < 0)
        return result;
    reach_take(l, &p->reach, &p->pair.b, &p->fault);
    p->pair.on_a_end = sends && a->half_close ? PAIR_PASS : PAIR_KEEP;
    p->pair.on_b_end = PAIR_END;
    p->pair.lifetime_ns = a->timeout_ns;
    p->pair.over = over;
    result = init_hooks(p);
    if (result == 0)
        result = pair_start(l, &p->pair, p->repeat->scratch);
    p->talks = result == 0;
    if (result < 0) {
        stream_close(l, &p->pair.a);
        stream_close(l, &p->pair.b);
    }
    return result;
}

/* Connecting */

static void hang_up(struct loop *l, struct reach *reach)
{
    struct stream s;
    struct tls_fault fault;
    reach_take(l, reach, &s, &fault);
    stream_close(l, &s);
}

static void reached(struct loop *l, struct reach *reach)
{
    struct probe *p = (struct probe *)((char *)reach - offsetof(struct probe, reach));
    struct repeat *r = p->repeat;
    int result = 0;
    p->connected_ns = time_monotonic_ns();
    if (reach_fd(reach) < 0) {
        const struct err *e = &reach->error;
        note_failure(r, PHASE_CONNECT, e->worded ? e->hint : strerror(e->code));
        end(l, p);
        return;
    }
    note_time(r, PHASE_CONNECT, p->began_ns, p->connected_ns);
    if (talks(r->connect->arguments))
        result = talk(l, p);
    else
        hang_up(l, reach);
    if (result < 0)
        r->error = result;
    if (result < 0 || !talks(r->connect->arguments))
        end(l, p);
}

static void begin(struct loop *l, struct probe *p)
{
    struct repeat *r = p->repeat;
    uint64_t timeout = r->connect->arguments->timeout_ns;
    r->left--;
    r->running++;
    p->first_ns = 0;
    p->began_ns = time_monotonic_ns();
    p->reach.deadline_ns = timeout ? p->began_ns + timeout : 0;
    p->reach.done = reached;
    int result = reach_start(l, &p->reach);
    if (result < 0) {
        r->error = result;
        end(l, p);
    }
}

static void take_turn(struct loop *l, struct loop_turn *t)
{
    struct probe *p = (struct probe *)((char *)t - offsetof(struct probe, turn));
    if (p->repeat->left && !p->repeat->error)
        begin(l, p);
    else if (p->repeat->running == 0)
        loop_stop(l);
}

/* The table */

struct row {
    const char *phase;
    const struct sample *sample;
};

enum column { COLUMN_MIN, COLUMN_MEDIAN, COLUMN_P95, COLUMN_P99, COLUMN_MAX };

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* By the nearest rank. */
static uint64_t percentile(const struct vec *sorted, unsigned percent)
{
    size_t rank = (sorted->len * percent + 99) / 100;
    return *(const uint64_t *)vec_at(sorted, rank ? rank - 1 : 0);
}

static uint64_t time_of(const struct render_column *c, const struct row *row)
{
    static const unsigned percents[] = {[COLUMN_MIN] = 0,
                                        [COLUMN_MEDIAN] = 50,
                                        [COLUMN_P95] = 95,
                                        [COLUMN_P99] = 99,
                                        [COLUMN_MAX] = 100};
    return percentile(&row->sample->times, percents[c->id]);
}

static void get_phase(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, ((const struct row *)row)->phase);
}

static void get_succeeded(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, ((const struct row *)row)->sample->times.len);
}

static void get_failed(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, ((const struct row *)row)->sample->failed);
}

static void get_time(const struct render_column *c, const void *row, struct cell *ret)
{
    if (((const struct row *)row)->sample->times.len == 0)
        return;
    ret->presence = KNOWN;
    uint64_t us = time_of(c, row) / NS_PER_US; /* more digits would be noise */
    ret->real = (double)us / 1000;
}

static void text_time(const struct render_column *c, const void *row, struct buf *out)
{
    buf_printf(out, "%.3f", (double)time_of(c, row) / 1e6);
}

#define TIME(name, what, column)                                                             \
    {                                                                                        \
        .key = (name), .help = (what), .kind = CELL_REAL, .align = RENDER_RIGHT, .width = 9, \
        .id = (column), .get = get_time, .text = text_time                                   \
    }
static const struct render_column columns[] = {
    {.key = "phase", .kind = CELL_TEXT, .width = 10, .get = get_phase},
    {.key = "succeeded", .kind = CELL_UINT, .align = RENDER_RIGHT, .get = get_succeeded},
    {.key = "failed", .kind = CELL_UINT, .align = RENDER_RIGHT, .get = get_failed},
    TIME("min_ms", "milliseconds", COLUMN_MIN),
    TIME("median_ms", "half took no longer", COLUMN_MEDIAN),
    TIME("p95_ms", "95 of 100 took no longer", COLUMN_P95),
    TIME("p99_ms", "99 of 100 took no longer", COLUMN_P99),
    TIME("max_ms", "the longest", COLUMN_MAX),
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static int write_table(struct repeat *r, struct out *out)
{
    static const char *const phases[PHASES] = {"connect", "first-byte", "total"};
    const struct connect_arguments *a = r->connect->arguments;
    const struct render_column *chosen[COLUMNS];
    struct render_options options =
        render_options_detect(out->fd, a->json ? RENDER_JSON : RENDER_TABLE, RENDER_COLOUR_AUTO);
    for (size_t i = 0; i < COLUMNS; i++)
        chosen[i] = &columns[i];
    _cleanup_render_ struct render *render = render_new(&options, chosen, COLUMNS, out);
    int result = render ? 0 : -ENOMEM;
    for (size_t i = 0; result == 0 && i < (talks(a) ? PHASES : 1); i++) {
        struct vec *times = &r->samples[i].times;
        if (times->len)
            qsort(times->items, times->len, times->item_size, by_time);
        result = render_row(render, &(struct row){phases[i], &r->samples[i]});
    }
    return result == 0 ? render_end(render) : result;
}

static void tell_failures(const struct repeat *r)
{
    for (size_t i = 0; i < REASONS && r->reasons[i].count; i++) {
        const struct reason *reason = &r->reasons[i];
        err_tell("%lu failed: %s", reason->count, reason->words);
    }
}

static int tell(struct repeat *r)
{
    struct out out;
    struct err e;
    out_init(&out, STDOUT_FILENO);
    int result = write_table(r, &out);
    out_clear(&out);
    tell_failures(r);
    if (r->signal)
        err_tell("stopped; %lu connections weren't begun", r->left);
    if (r->error < 0) {
        err_set(&e, -r->error, "go on with", r->connect->word, NULL);
        err_print(&e, stderr);
    }
    bool good = r->error == 0 && r->reasons[0].count == 0;
    return command_output_status(result, good ? EXIT_YES : EXIT_NO);
}

/* The run */

/* Each has a copy of the addresses that were found. */
static int init_probe(struct probe *p, struct repeat *r, const struct reach *resolved)
{
    p->repeat = r;
    p->turn.run = take_turn;
    reach_init(&p->reach, &r->connect->plan);
    return reach_share(&p->reach, resolved);
}

static void signal_came(struct loop *l, struct signals *s, int number)
{
    struct repeat *r = (struct repeat *)((char *)s - offsetof(struct repeat, signals));
    r->signal = number;
    loop_stop(l);
}

/* What is under way when it is stopped is no result. */
static void drop(struct loop *l, struct probe *p)
{
    if (p->talks)
        pair_stop(l, &p->pair);
    loop_turn_stop(l, &p->turn);
    reach_clear(l, &p->reach);
}

static int run(struct repeat *r, struct probe *probes, size_t n)
{
    struct loop *l = &r->connect->loop;
    int result = 0;
    for (size_t i = 0; result == 0 && i < n; i++)
        result = init_probe(&probes[i], r, &r->connect->reach);
    for (size_t i = 0; result == 0 && i < n; i++)
        loop_turn_add(l, &probes[i].turn);
    r->signals.came = signal_came;
    if (result == 0)
        result = signals_start(l, &r->signals, NULL);
    if (result == 0) {
        result = loop_run(l);
        signals_stop(l, &r->signals);
        signals_release(&r->signals);
    }
    for (size_t i = 0; i < n; i++)
        drop(l, &probes[i]);
    return result;
}

int connect_repeat(struct connect *c)
{
    const struct connect_arguments *a = c->arguments;
    size_t n = a->parallel < a->repeat ? a->parallel : a->repeat;
    struct repeat r = {.connect = c, .left = a->repeat, .scratch = malloc(PUMP_SCRATCH)};
    struct probe *probes = calloc(n, sizeof *probes);
    for (size_t i = 0; i < PHASES; i++)
        r.samples[i].times = VEC_INIT(uint64_t);
    int result = r.scratch && probes ? connect_resolve(c) : -ENOMEM;
    int status;
    if (result < 0) {
        status = connect_tell_failure(c);
    } else {
        if (a->verbose)
            connect_tell_resolved(c);
        result = run(&r, probes, n);
        r.error = result < 0 ? result : r.error;
        status = tell(&r);
    }
    for (size_t i = 0; i < PHASES; i++)
        vec_free(&r.samples[i].times);
    free(probes);
    free(r.scratch);
    if (r.signal) { /* as if it had not been caught */
        signal(r.signal, SIG_DFL);
        raise(r.signal);
    }
    return status;
}
