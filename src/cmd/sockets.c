#include "cmd/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/diag.h"
#include "kernel/netns.h"
#include "kernel/privilege.h"
#include "kernel/sysctl.h"
#include "names/filter_names.h"
#include "store/facts_file.h"

const char *const sockets_via_choices[] = {
    [SOURCE_BEST] = "best",
    [SOURCE_BPF] = "bpf",
    [SOURCE_DIAG] = "diag",
    [SOURCE_PROC] = "proc",
    NULL,
};

static int fail(const struct err *e)
{
    err_print(e, stderr);
    return e->code == EPERM || e->code == EACCES ? EXIT_PERMISSION : EXIT_NO;
}

static const char *user_name(void *ctx, uint32_t uid)
{
    return users_name(ctx, uid);
}

static int take_facts(struct sockets *s, const char *path)
{
    struct err e = {0};
    facts_init(&s->facts);
    if (facts_load(path, &s->facts, &e) < 0)
        return fail(&e);
    s->view.boot_ns = s->facts.boot_ns;
    int r = socket_view_add_interfaces(&s->view, s->facts.netns, s->facts.interfaces.items,
                                       (uint32_t)s->facts.interfaces.len);
    for (size_t i = 0; i < s->facts.namespaces.len && r == 0; i++)
        r = vec_add(&s->view.known_namespaces, vec_at(&s->facts.namespaces, i));
    if (r < 0) {
        err_set(&e, ENOMEM, "read", path, NULL);
        return fail(&e);
    }
    return 0;
}

static int take_netns(struct sockets *s, const char *name)
{
    struct err e = {0};
    s->netns_fd = netns_open(name, &e);
    if (s->netns_fd < 0)
        return fail(&e);
    s->query.scope = SOURCE_ONE_NETNS;
    s->query.netns_fd = s->netns_fd;
    return 0;
}

/* Not every command has all of these options: those that were given are named. */
static int check_place(const struct command *c, const struct sockets_arguments *a)
{
    const char *given[4];
    int n = 0;
    if (a->facts)
        given[n++] = "--facts";
    if (a->tcpdiag)
        given[n++] = "--tcpdiag";
    if (a->netns)
        given[n++] = "--netns";
    if (a->all_namespaces)
        given[n++] = "--all-namespaces";
    if (n > 1)
        return command_usage_error(c, "%s and %s can't be given together", given[0], given[1]);
    if (a->via != SOURCE_BEST && (a->facts || a->tcpdiag))
        return command_usage_error(c,
                                   "--via and %s can't be given together: what was saved isn't "
                                   "read from the kernel",
                                   given[0]);
    return 0;
}

int sockets_init(struct sockets *s, const struct command *c, const struct sockets_arguments *a)
{
    bool saved = a->facts || a->tcpdiag;
    *s = (struct sockets){.arguments = a, .netns_fd = -1};
    s->query = (struct source_query){
        .via = (enum source_via)a->via,
        .kinds = NET_KINDS_DEFAULT,
        .states = NET_STATES_ALL,
        .families = 1u << AF_INET | 1u << AF_INET6,
        .scope = a->all_namespaces ? SOURCE_ALL_NETNS : SOURCE_THIS_NETNS,
        .netns_fd = -1,
        .user_name = user_name,
        .user_ctx = &s->users,
    };
    source_report_init(&s->report);
    socket_view_init(&s->view, !saved);

    int status = check_place(c, a);
    if (status)
        return status;
    if (a->facts)
        return take_facts(s, a->facts);
    return a->netns ? take_netns(s, a->netns) : 0;
}

void sockets_clear(struct sockets *s)
{
    if (!s->arguments) /* never made ready */
        return;
    socket_view_clear(&s->view);
    source_report_clear(&s->report);
    net_filter_free(s->filter);
    if (s->arguments->facts)
        facts_clear(&s->facts);
    users_clear(&s->users);
    fd_close(&s->netns_fd);
}

/* Leaves out of the query what can't match. */
static void narrow(struct source_query *q, const struct net_filter_needs *needs)
{
    q->kinds &= needs->kinds;
    q->states &= needs->states;
    q->families &= needs->families;
}

static bool asks_for(const struct net_filter_needs *needs, enum net_field f)
{
    return needs->fields.words[f / 64] >> f % 64 & 1;
}

/* Adds what the filter has to look at. */
static void widen(struct source_query *q, const struct net_filter_needs *needs)
{
    q->detail |= needs->owners ? SOURCE_OWNERS : 0;
    q->detail |= needs->cmdline ? SOURCE_OWNERS | SOURCE_CMDLINE : 0;
    q->detail |= needs->process ? SOURCE_OWNERS | SOURCE_PROCESS : 0;
    for (int f = 0; f < NET_F_LOCAL; f++)
        if (asks_for(needs, (enum net_field)f))
            q->detail |= socket_field_detail((enum net_field)f);
}

static int find_netns(void *ctx, const char *name, uint64_t *ret_inode)
{
    (void)ctx;
    struct err e;
    _cleanup_fd_ int fd = netns_open(name, &e);
    return fd < 0 ? fd : netns_inode(fd, ret_inode);
}

static enum net_reach find_reach(void *ctx, const struct net_socket *socket)
{
    struct sockets *s = ctx;
    struct socket_row row = {.socket = socket, .view = &s->view};
    return socket_row_reach(&row);
}

int sockets_visit(const struct sockets *s, int (*read)(void *ctx, struct err *e), void *ctx,
                  struct err *e)
{
    struct netns_visit visit = {.home = -1};
    int r = s->netns_fd >= 0 ? netns_enter(&visit, s->netns_fd, e) : 0;
    if (r < 0)
        return r;
    r = read(ctx, e);
    int back = netns_leave(&visit, e);
    return r < 0 ? r : back;
}

struct setting {
    const char *name;
    struct buf *into;
};

/* /proc/sys/net shows the settings of the namespace of the thread that looks. */
static int read_setting(void *ctx, struct err *e)
{
    struct setting *wanted = ctx;
    int r = sysctl_read(wanted->name, wanted->into);
    return r < 0 ? err_set(e, -r, "read the setting", wanted->name, NULL) : 0;
}

static int read_saved_setting(const struct facts *f, const char *name, struct buf *into)
{
    for (size_t i = 0; i < f->sysctls.len; i++) {
        const struct net_sysctl *s = vec_at(&f->sysctls, i);
        if (strcmp(s->name, name) != 0)
            continue;
        if (s->value)
            buf_str(into, s->value);
        return s->value ? 0 : s->forbidden ? -EACCES : -ENOENT;
    }
    return -ENOENT;
}

int sockets_sysctl(const struct sockets *s, const char *name, struct buf *into)
{
    struct setting wanted = {name, into};
    struct err e;
    buf_clear(into);
    if (s->arguments->facts)
        return read_saved_setting(&s->facts, name, into);
    int r = s->view.live ? sockets_visit(s, read_setting, &wanted, &e) : -ENOENT;
    return r == -EPERM ? -EACCES : r;
}

/* The range that `autobound` goes by. */
static void take_auto_range(const struct sockets *s, struct net_filter_names *names)
{
    _cleanup_buf_ struct buf range = BUF_INIT(SYSCTL_MAX);
    uint32_t first, last;
    if (sockets_sysctl(s, "net.ipv4.ip_local_port_range", &range) < 0 ||
        sscanf(buf_cstr(&range), "%u %u", &first, &last) != 2 || first > UINT16_MAX ||
        last > UINT16_MAX)
        return;
    names->auto_first = (uint16_t)first;
    names->auto_last = (uint16_t)last;
}

int sockets_filter(struct sockets *s, const char *text, bool kinds_chosen)
{
    struct net_filter_fault fault;
    struct net_filter_needs needs;
    struct net_filter_names names = *filter_names();
    names.netns = find_netns;
    names.reach = find_reach;
    names.ctx = s;
    names.now_ns = s->view.boot_ns;
    take_auto_range(s, &names);
    int r = net_filter_parse(text, &names, &s->filter, &fault);
    if (r == -EINVAL) {
        _cleanup_buf_ struct buf lines = BUF_INIT(1 << 16);
        buf_str(&lines, "berth: ");
        buf_str(&lines, s->fault_opening ? s->fault_opening : "in the filter (berth-filter(7)), ");
        net_filter_explain_fault(&lines, text, &fault);
        fputs(buf_cstr(&lines), stderr);
        return EXIT_USAGE;
    }
    if (r < 0) {
        struct err e;
        err_set(&e, -r, "read the filter", text, NULL);
        return fail(&e);
    }
    net_filter_needs(s->filter, &needs);
    if (!kinds_chosen && needs.kinds_named)
        s->query.kinds = needs.kinds_meant;
    if (needs.kinds_named && (needs.kinds_meant & (needs.kinds_meant - 1)) == 0)
        s->query.named |= needs.kinds_meant; /* "sctp", not "inet" */
    widen(&s->query, &needs);
    if (asks_for(&needs, NET_F_NETNS) && s->query.scope == SOURCE_THIS_NETNS)
        s->query.scope = SOURCE_ALL_NETNS;
    if (s->whole)
        return 0;
    narrow(&s->query, &needs);
    s->query.filter = s->filter;
    return 0;
}

struct passage {
    struct sockets *sockets;
    sockets_sink *sink;
    void *ctx;
    bool matched;
};

static int pass(void *ctx, const struct net_socket *socket)
{
    struct passage *p = ctx;
    bool matches = !p->sockets->listeners || net_socket_is_listener(socket);
    if (matches && p->sockets->filter) {
        enum net_match match = net_filter_match(p->sockets->filter, socket);
        p->sockets->unknown |= match == NET_MATCH_UNKNOWN;
        matches = match == NET_MATCH_YES;
    }
    p->matched |= matches;
    if (!matches && !p->sockets->whole)
        return 0;
    struct socket_row row = {.socket = socket, .view = &p->sockets->view, .matches = matches};
    return p->sink(p->ctx, &row);
}

static bool asked_for(const struct source_query *q, const struct net_socket *s)
{
    bool ip = s->family == AF_INET || s->family == AF_INET6;
    return q->kinds >> s->kind & 1 && q->states >> s->state & 1 &&
           (!ip || q->families >> s->family & 1);
}

/* The saved sockets, listeners first as from a live host. */
static int replay(const struct facts *f, const struct source_query *q, struct passage *p)
{
    for (int listeners = 1; listeners >= 0; listeners--) {
        for (size_t i = 0; i < f->sockets.len; i++) {
            const struct net_socket *s = vec_at(&f->sockets, i);
            if (net_socket_is_listener(s) != listeners || !asked_for(q, s))
                continue;
            int r = pass(p, s);
            if (r)
                return r;
        }
    }
    return 0;
}

int sockets_read(struct sockets *s, sockets_sink *sink, void *ctx, struct err *e)
{
    struct passage p = {.sockets = s, .sink = sink, .ctx = ctx};
    int r = s->arguments->facts ? replay(&s->facts, &s->query, &p)
            : s->arguments->tcpdiag
                ? diag_read_file(s->arguments->tcpdiag, &s->query, pass, &p, &s->report, e)
                : source_read(&s->query, pass, &p, &s->report, e);
    s->none = r == 0 && !p.matched;
    return r;
}

bool sockets_is_elsewhere(const struct sockets *s, const struct net_socket *socket)
{
    return s->arguments->facts && s->facts.netns && net_socket_knows(socket, NET_F_NETNS) &&
           socket->netns != s->facts.netns;
}

bool sockets_tell_report(const struct source_report *r)
{
    bool permission = false;
    for (size_t i = 0; i < r->notes.len; i++) {
        const struct source_note *note = vec_at(&r->notes, i);
        err_tell("%s", note->text);
        permission |= note->permission;
    }
    return permission;
}

static void tell_slip(const struct sockets *s)
{
    const char *written, *meant;
    if (s->none && s->filter && net_filter_slip(s->filter, &written, &meant))
        err_tell("nothing matched: '%s' is taken for a process's name; did you mean %s?", written,
                 meant);
}

bool sockets_tell_notes(const struct sockets *s)
{
    bool permission = sockets_tell_report(&s->report);
    tell_slip(s);
    if (s->unknown && s->view.live)
        err_tell("some sockets were left out: what the filter asks about them may not be seen (%s)",
                 privilege_to_see());
    else if (s->unknown)
        err_tell("some sockets were left out: what the filter asks about them wasn't saved");
    return permission || s->unknown;
}
