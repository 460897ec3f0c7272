/* berth doctor: what is wrong on this host, or will be, the worst first: with evidence, and with
 * what helps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "cmd/commands.h"
#include "cmd/doctor_columns.h"
#include "cmd/output.h"
#include "cmd/sockets.h"
#include "kernel/gather.h"
#include "kernel/snmp.h"
#include "predict/findings.h"
#include "render/style.h"
#include "render/wrap.h"

struct doctor_arguments {
    struct output_arguments output;
    struct sockets_arguments sockets;
    uint64_t for_ns;
    int at_least; /* enum finding_severity */
};

static const char *const severities[] = {"note", "warning", "bad", NULL};

#define FIELD(member) offsetof(struct doctor_arguments, member)
static const struct command_option doctor_options[] = {
    {.name = "for",
     .type = OPTION_DURATION,
     .field = FIELD(for_ns),
     .metavar = "TIME",
     .group = "What to look at",
     .help = "of what the kernel counts only what comes within this time, instead of all so far"},
    {.name = "at-least",
     .type = OPTION_CHOICE,
     .field = FIELD(at_least),
     .metavar = "SEVERITY",
     .choices = severities,
     .help = "findings of this severity and worse: note, warning or bad"},
    SOCKETS_NETNS_OPTION(struct doctor_arguments) SOCKETS_VIA_OPTION(struct doctor_arguments)
        SOCKETS_FACTS_OPTION(struct doctor_arguments) OUTPUT_OPTIONS(struct doctor_arguments){0},
};

struct doctor {
    const struct doctor_arguments *arguments;
    struct sockets sockets;
    struct facts here;         /* of this host */
    const struct facts *facts; /* these, or the saved ones */
    struct vec findings;       /* struct finding */
};

/* Looking */

static int keep_counter(void *ctx, const char *name, uint64_t value)
{
    return facts_add_counter(ctx, name, value);
}

static int read_counters(void *ctx, struct err *e)
{
    int r = snmp_read(keep_counter, ctx);
    return r < 0 && r != -ENOENT ? err_set(e, -r, "read the counters of", "/proc/net", NULL) : 0;
}

static void wait_for(uint64_t ns)
{
    enum { SECOND = 1000000000 };
    struct timespec left = {(time_t)(ns / SECOND), (long)(ns % SECOND)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/* Levels, unlike counters, aren't compared with what they were. */
static bool is_level(const char *name)
{
    return strncmp(name, "sockstat.", sizeof "sockstat." - 1) == 0;
}

static void subtract(struct facts *from, const struct facts *before)
{
    for (size_t i = 0; i < from->counters.len; i++) {
        struct net_counter *c = vec_at(&from->counters, i);
        uint64_t was = 0;
        if (is_level(c->name) || facts_counter(before, c->name, &was) < 0)
            continue;
        c->value = c->value >= was ? c->value - was : 0;
    }
}

static int look_here(struct doctor *d, struct err *e)
{
    struct facts before;
    uint64_t for_ns = d->arguments->for_ns;
    struct source_query *q = &d->sockets.query;
    q->kinds = NET_KINDS_DEFAULT | 1u << NET_UNIX_STREAM | 1u << NET_UNIX_SEQPACKET;
    q->detail = SOURCE_OWNERS | SOURCE_CMDLINE | SOURCE_PROCESS | SOURCE_OPTIONS | SOURCE_TIMERS |
                SOURCE_MEMORY | SOURCE_TCP_INFO;
    facts_init(&before);
    int r = for_ns ? sockets_visit(&d->sockets, read_counters, &before, e) : 0;
    if (r == 0 && for_ns)
        wait_for(for_ns);
    if (r == 0)
        r = gather_host_facts(q, &d->here, &d->sockets.report, e);
    if (r == 0 && for_ns)
        subtract(&d->here, &before);
    facts_clear(&before);
    d->facts = &d->here;
    return r;
}

static void leave_out_milder(struct doctor *d)
{
    size_t n = 0;
    while (n < d->findings.len &&
           (int)((struct finding *)vec_at(&d->findings, n))->severity >= d->arguments->at_least)
        n++;
    struct vec milder = VEC_INIT(struct finding);
    for (size_t i = n; i < d->findings.len; i++)
        if (vec_add(&milder, vec_at(&d->findings, i)) < 0)
            return; /* then they are shown */
    d->findings.len = n;
    findings_free(&milder);
}

static int look(struct doctor *d, struct err *e)
{
    const struct findings_how how = {.counted_ns = d->arguments->for_ns};
    d->facts = &d->sockets.facts;
    int r = d->arguments->sockets.facts ? 0 : look_here(d, e);
    if (r < 0)
        return r;
    r = findings_find(d->facts, &how, &d->findings);
    if (r < 0)
        return err_set(e, -r, "look over the host", "", NULL);
    leave_out_milder(d);
    return 0;
}

/* Nothing found means little where the holders of more than a few sockets may not be seen. */
static bool is_blind(const struct doctor *d)
{
    size_t hidden = 0;
    for (size_t i = 0; i < d->facts->sockets.len; i++)
        hidden += net_socket_forbids(vec_at(&d->facts->sockets, i), NET_F_OWNERS);
    return hidden * 10 > d->facts->sockets.len;
}

/* Showing */

static int show_rows(struct doctor *d, struct output *o)
{
    struct doctor_columns columns;
    const struct render_column *shown[DOCTOR_COLUMNS];
    size_t n;
    doctor_columns_fill(&columns);
    int status = output_choose(o, &command_doctor, d->arguments->output.columns, columns.all,
                               DOCTOR_COLUMNS, "all", shown, &n);
    if (status || n == 0)
        return status;
    _cleanup_render_ struct render *render = render_new(&o->options, shown, n, &o->out);
    if (!render)
        return EXIT_NO;
    for (size_t i = 0; i < d->findings.len; i++) {
        struct doctor_row row;
        int r = doctor_row_fill(&row, vec_at(&d->findings, i), &d->sockets.view);
        if (r == 0)
            r = render_row(render, &row);
        doctor_row_clear(&row);
        if (r < 0)
            return EXIT_NO;
    }
    render_end(render);
    return 0;
}

/* The line that began at `start`; on a terminal what is beyond its width goes under it. */
static void end_line(struct output *o, size_t start, size_t indent)
{
    const struct wrap wrap = {.width = o->options.terminal ? o->options.width : 0,
                              .indent = (uint16_t)indent};
    wrap_line(&o->out.buf, start, &wrap);
    buf_char(&o->out.buf, '\n');
}

/* Each line of a text, indented. */
static void put_lines(struct output *o, const char *text, const char *indent)
{
    struct buf *out = &o->out.buf;
    while (*text) {
        size_t n = strcspn(text, "\n"), start = out->len;
        buf_str(out, indent);
        buf_add(out, text, n);
        end_line(o, start, strlen(indent));
        text += n + (text[n] == '\n');
    }
}

static void show_finding(struct output *o, const struct finding *f)
{
    static const enum render_style styles[] = {RENDER_NAME, RENDER_WARN, RENDER_BAD};
    struct buf *out = &o->out.buf;
    size_t start = out->len;
    const char *severity = finding_severity_name(f->severity);
    style_begin(out, o->options.colour, styles[f->severity]);
    buf_str(out, severity);
    style_end(out, o->options.colour, styles[f->severity]);
    buf_printf(out, ": %s", f->title);
    end_line(o, start, strlen(severity) + 2);
    put_lines(o, f->evidence, "  ");
    if (*f->remedy)
        buf_str(out, "  what helps:\n");
    put_lines(o, f->remedy, "    ");
}

static void show_words(struct doctor *d, struct output *o)
{
    for (size_t i = 0; i < d->findings.len; i++) {
        if (i)
            buf_char(&o->out.buf, '\n');
        show_finding(o, vec_at(&d->findings, i));
        out_flush_if_full(&o->out);
    }
    if (d->findings.len == 0)
        buf_printf(&o->out.buf, "nothing found: %zu sockets were looked at\n",
                   d->facts->sockets.len);
}

static int answer(struct doctor *d, struct output *o)
{
    struct err e = {0};
    const char *columns = d->arguments->output.columns;
    if (columns && strcmp(columns, "help") == 0)
        return show_rows(d, o);
    if (look(d, &e) < 0) {
        err_print(&e, stderr);
        return e.code == EPERM || e.code == EACCES ? EXIT_PERMISSION : EXIT_NO;
    }
    int status = 0;
    if (o->options.format != RENDER_TABLE || columns)
        status = show_rows(d, o);
    else
        show_words(d, o);
    if (status)
        return status;
    return d->findings.len ? EXIT_NO : is_blind(d) ? EXIT_PERMISSION : EXIT_YES;
}

static int run(const void *arguments, const struct command_words *words)
{
    const struct doctor_arguments *a = arguments;
    _cleanup_output_ struct output o = {0};
    struct doctor d = {.arguments = a, .findings = VEC_INIT(struct finding)};
    (void)words;
    if (a->for_ns && a->sockets.facts)
        return command_usage_error(&command_doctor, "--for and --facts can't be given together");
    int status = output_open(&o, &command_doctor, &a->output);
    if (status)
        return status;
    facts_init(&d.here);
    status = sockets_init(&d.sockets, &command_doctor, &a->sockets);
    if (status == 0)
        status = answer(&d, &o);
    status = output_close(&o, status);
    sockets_tell_notes(&d.sockets);
    findings_free(&d.findings);
    facts_clear(&d.here);
    sockets_clear(&d.sockets);
    return status;
}

static int values(const char *what, struct vec *ret)
{
    struct doctor_columns columns;
    doctor_columns_fill(&columns);
    return strcmp(what, "columns") == 0 ? output_column_values(columns.all, DOCTOR_COLUMNS, ret)
                                        : -ENOENT;
}

const struct command command_doctor = {
    .name = "doctor",
    .group = "Explain",
    .summary = "look over the host, and say what is wrong with its sockets",
    .usage = "",
    .description =
        "Looks at every TCP and UDP socket, the listeners of UNIX sockets, the kernel's counters "
        "and its limits, and lists what is wrong or will be, the worst first: what it is, how one "
        "can see that, and what helps.\n"
        "Exit status: 0 nothing was found, 1 there are findings, 3 nothing was found, but much may "
        "not be seen.",
    .options = doctor_options,
    .arguments_size = sizeof(struct doctor_arguments),
    .max_words = 0,
    .values = values,
    .run = run,
};
