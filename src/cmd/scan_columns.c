#include "cmd/scan_columns.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

enum { NS_PER_US = 1000 };

static const struct scan_row *row_of(const void *row)
{
    return row;
}

/* The answer */

/* A UDP port that says nothing may be open all the same: only the ICMP of one that nobody has is an
 * answer of its own. */
static const struct {
    const char *tcp, *udp;
    enum render_style style;
} answers[] = {
    [PROBE_LEFT] = {"not-asked", "not-asked", RENDER_DIM},
    [PROBE_OPEN] = {"open", "open", RENDER_GOOD},
    [PROBE_REFUSED] = {"refused", "closed", RENDER_DIM},
    [PROBE_SILENT] = {"no-answer", "open-or-filtered", RENDER_WARN},
    [PROBE_UNREACHABLE] = {"unreachable", "unreachable", RENDER_BAD},
    [PROBE_FORBIDDEN] = {"not-permitted", "not-permitted", RENDER_BAD},
    [PROBE_FAILED] = {"failed", "failed", RENDER_BAD},
};
static_assert(sizeof answers / sizeof *answers == PROBE_STATES, "every answer has a word");

const char *scan_answer_name(enum probe_state state, bool udp)
{
    return udp ? answers[state].udp : answers[state].tcp;
}

static void get_answer(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, scan_answer_name(row_of(row)->answer->state, row_of(row)->udp));
}

static void text_answer(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    for (const char *at = scan_answer_name(row_of(row)->answer->state, row_of(row)->udp); *at; at++)
        buf_char(out, *at == '-' ? ' ' : *at);
}

static enum render_style style_answer(const struct render_column *c, const void *row)
{
    (void)c;
    return answers[row_of(row)->answer->state].style;
}

static void get_error(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    if (row_of(row)->answer->error)
        cell_set_text(ret, err_name(row_of(row)->answer->error));
}

static bool is_explained(const struct probe_answer *a)
{
    return a->error && a->state != PROBE_REFUSED;
}

static void get_why(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    ret->presence = is_explained(row_of(row)->answer) ? KNOWN : ABSENT;
}

/* What keeps a port silent. Of this host more is known: it is up, and whether somebody listens. */
static const char *silent_words(const struct scan_row *r)
{
    if (r->local && r->loopback_down)
        return "the loopback interface is down";
    if (r->udp)
        return "no answer and no ICMP";
    if (!r->local)
        return "the host is down, or a firewall drops";
    return r->looked && !r->n_listeners ? "a firewall of this host drops"
                                        : "a firewall drops, or the listener's queue is full";
}

/* Whose word an errno is. Of what came later only this is known: there's nobody else on the way to
 * an address of this host. */
static const char *cause_words(const struct scan_row *r)
{
    const struct probe_answer *a = r->answer;
    if (a->at_once && r->local && r->loopback_down)
        return "the loopback interface is down";
    if (a->at_once && a->error == EPERM)
        return "a firewall or a sandbox of this host";
    if (a->at_once && a->error == EACCES)
        return r->udp ? "a route or a sandbox of this host prohibits, or it is a broadcast address"
                      : "a route or a sandbox of this host prohibits";
    if (a->at_once && a->error == ENETUNREACH)
        return "this host has no route there";
    if (a->at_once && a->error == EHOSTUNREACH)
        return "this host's route there is an unreachable one";
    if (!a->at_once && r->local && a->state == PROBE_UNREACHABLE)
        return "a firewall of this host rejects";
    return NULL;
}

static void text_why(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    const struct scan_row *r = row;
    if (r->answer->state == PROBE_SILENT) {
        buf_str(out, silent_words(r));
        return;
    }
    const char *words = strerror(r->answer->error), *cause = cause_words(r);
    buf_char(out, (char)tolower((unsigned char)*words));
    buf_str(out, words + 1);
    if (cause)
        buf_printf(out, ": %s", cause);
}

static void get_time(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct probe_answer *a = row_of(row)->answer;
    bool came = a->state == PROBE_OPEN || a->state == PROBE_REFUSED;
    if (came && row_of(row)->first == row_of(row)->last)
        cell_set_uint(ret, a->took_us);
}

static void text_time(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    time_format_duration(out, (uint64_t)row_of(row)->answer->took_us * NS_PER_US);
}

static void get_tries(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, row_of(row)->answer->tries);
}

/* What it says, without the line's end. */
static void get_banner(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    const struct probe_answer *a = row_of(row)->answer;
    size_t n = a->said_n;
    while (n && (a->said[n - 1] == '\n' || a->said[n - 1] == '\r'))
        n--;
    if (!n)
        return;
    ret->presence = KNOWN;
    ret->text.bytes = a->said;
    ret->text.n = n;
}

/* The port */

static void get_host(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->host);
}

static void get_address(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    (void)row;
    ret->presence = KNOWN;
}

static void text_address(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    net_addr_format(out, &row_of(row)->address);
}

static enum render_style style_address(const struct render_column *c, const void *row)
{
    (void)c;
    (void)row;
    return RENDER_ADDRESS;
}

static void get_port(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_uint(ret, row_of(row)->first);
}

static void text_port(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_u64(out, row_of(row)->first);
    if (row_of(row)->last != row_of(row)->first)
        buf_printf(out, "-%u", row_of(row)->last);
}

static void get_protocol(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->udp ? "udp" : "tcp");
}

static void get_service(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_text(ret, row_of(row)->service);
}

/* This host's own */

static void get_local(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    cell_set_bool(ret, row_of(row)->local);
}

static void get_listeners(const struct render_column *c, const void *row, struct cell *ret)
{
    (void)c;
    ret->presence = row_of(row)->local && row_of(row)->looked ? KNOWN : ABSENT;
    ret->list.items = row_of(row)->listeners;
    ret->list.n = row_of(row)->n_listeners;
    ret->list.stride = sizeof(struct receiver);
}

static void text_listeners(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    receivers_describe(out, row_of(row)->listeners, row_of(row)->n_listeners);
}

static enum render_style style_listeners(const struct render_column *c, const void *row)
{
    (void)c;
    return row_of(row)->n_listeners ? RENDER_NAME : RENDER_DIM;
}

const struct render_column scan_columns[SCAN_COLUMNS] = {
    {.key = "host", .help = "as it was asked for", .kind = CELL_TEXT, .get = get_host},
    {.key = "address",
     .help = "the address that was asked",
     .kind = CELL_TEXT,
     .width = 16,
     .precious = true,
     .get = get_address,
     .text = text_address,
     .style = style_address},
    {.key = "port",
     .help = "the port",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .width = 11,
     .get = get_port,
     .text = text_port},
    {.key = "protocol", .help = "tcp or udp", .kind = CELL_TEXT, .get = get_protocol},
    {.key = "service",
     .help = "what the services database calls the port",
     .kind = CELL_TEXT,
     .width = 16,
     .get = get_service},
    {.key = "answer",
     .help = "open, refused (UDP: closed), no-answer (UDP: open-or-filtered), unreachable …",
     .kind = CELL_TEXT,
     .width = 16,
     .precious = true,
     .get = get_answer,
     .text = text_answer,
     .style = style_answer},
    {.key = "error",
     .help = "the errno's name, where it isn't open",
     .kind = CELL_TEXT,
     .get = get_error},
    {.key = "why",
     .help = "what an answer that is neither yes nor no means",
     .kind = CELL_TEXT,
     .get = get_why,
     .text = text_why},
    {.key = "time_us",
     .title = "TIME",
     .help = "until the answer came",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .width = 6,
     .get = get_time,
     .text = text_time},
    {.key = "tries",
     .help = "how often it was asked",
     .kind = CELL_UINT,
     .align = RENDER_RIGHT,
     .get = get_tries},
    {.key = "local", .help = "the address is this host's own", .kind = CELL_BOOL, .get = get_local},
    {.key = "listeners",
     .help = "of this host's own address: who gets what comes to the port, as the kernel has it",
     .kind = CELL_LIST,
     .width = 24,
     .get = get_listeners,
     .text = text_listeners,
     .style = style_listeners,
     .columns = receiver_columns,
     .n_columns = RECEIVER_COLUMNS},
    {.key = "banner", .help = "what the service says first", .kind = CELL_TEXT, .get = get_banner},
};
