/* Which sockets the words mean: selections are ORed, or with -a ANDed; exclusions come first. What
 * was asked for and not met is told afterwards, and decides the exit status.
 */
#include <stdio.h>
#include <string.h>

#include "dialect/lsof.h"

static bool has_includes(const struct vec *numbers)
{
    for (size_t i = 0; i < numbers->len; i++)
        if (!((struct lsof_number *)vec_at(numbers, i))->exclude)
            return true;
    return false;
}

static bool has_commands(const struct lsof_words *w)
{
    for (size_t i = 0; i < w->commands.len; i++)
        if (!((struct lsof_command_term *)vec_at(&w->commands, i))->exclude)
            return true;
    return false;
}

bool lsof_selects_processes(const struct lsof_words *w)
{
    return has_includes(&w->pids) || has_includes(&w->groups) || has_includes(&w->uids) ||
           has_commands(w);
}

bool lsof_selects_files(const struct lsof_words *w)
{
    return w->net || w->addresses.len > 0 || w->unix_sockets || w->nfs || w->names.len > 0 ||
           w->fds_given;
}

enum answer { NOT_ASKED, NO, YES, EXCLUDED };

static enum answer ask_numbers(struct vec *numbers, int64_t value)
{
    enum answer a = NOT_ASKED;
    for (size_t i = 0; i < numbers->len; i++) {
        struct lsof_number *n = vec_at(numbers, i);
        bool hit = n->value == value;
        n->found |= hit;
        if (hit)
            return n->exclude ? EXCLUDED : YES;
        if (!n->exclude)
            a = NO;
    }
    return a;
}

static bool command_hits(const struct lsof_command_term *t, const char *comm)
{
    return t->is_regex ? regexec(&t->regex, comm, 0, NULL, 0) == 0
                       : strncmp(comm, t->text, t->n) == 0;
}

static bool excludes_command(const struct vec *terms, const char *comm)
{
    for (size_t i = 0; i < terms->len; i++) {
        const struct lsof_command_term *t = vec_at(terms, i);
        if (t->exclude && command_hits(t, comm))
            return true;
    }
    return false;
}

/* Exclusions come first, wherever they stand; of the others the first that is met is the one that
 * is found. */
static enum answer ask_commands(struct vec *terms, const char *comm)
{
    enum answer a = NOT_ASKED;
    if (excludes_command(terms, comm))
        return EXCLUDED;
    for (size_t i = 0; i < terms->len; i++) {
        struct lsof_command_term *t = vec_at(terms, i);
        if (t->exclude)
            continue;
        if (command_hits(t, comm)) {
            t->found = true;
            return YES;
        }
        a = NO;
    }
    return a;
}

/* What the selections say so far. */
struct verdict {
    bool yes, no;
};

static bool count(struct verdict *v, enum answer a)
{
    v->yes |= a == YES;
    v->no |= a == NO;
    return a != EXCLUDED;
}

/* False if the process is excluded. */
static bool ask_process(struct lsof_words *w, const struct lsof_process *p, struct verdict *v)
{
    return count(v, ask_numbers(&w->uids, p->uid)) && count(v, ask_numbers(&w->groups, p->group)) &&
           count(v, ask_numbers(&w->pids, p->pid)) && count(v, ask_commands(&w->commands, p->comm));
}

static bool has_port(const struct lsof_address *a, const struct net_socket *s, uint32_t port)
{
    for (size_t i = 0; i < a->ports.len; i++) {
        const struct lsof_ports *p = vec_at(&a->ports, i);
        if (p->kinds >> s->kind & 1 && port >= p->first && port <= p->last)
            return true;
    }
    return a->ports.len == 0;
}

static bool has_host(const struct lsof_address *a, const struct net_addr *addr)
{
    struct net_addr plain = net_addr_unmap(addr);
    plain.scope = 0;
    for (size_t i = 0; i < a->hosts.len; i++) {
        struct net_addr host = net_addr_unmap(vec_at(&a->hosts, i));
        host.scope = 0;
        if (net_addr_equal(&host, &plain))
            return true;
    }
    return a->hosts.len == 0;
}

/* A mapped IPv4 address is one of IPv4 here. */
static bool address_hits(const struct lsof_address *a, const struct net_socket *s)
{
    int family = net_addr_is_mapped(&s->local) ? AF_INET : s->family;
    if (!(a->kinds >> s->kind & 1) || (a->family && a->family != family))
        return false;
    bool has_peer = s->peer_port || !net_addr_is_wildcard(&s->peer);
    return (has_host(a, &s->local) && has_port(a, s, s->local_port)) ||
           (has_peer && has_host(a, &s->peer) && has_port(a, s, s->peer_port));
}

/* -i without an address goes by the socket's family, a mapped address or not. */
static enum answer ask_net(struct lsof_words *w, const struct lsof_file *f)
{
    if (!w->net)
        return NOT_ASKED;
    if (f->kind != LSOF_INET || (w->net_family && w->net_family != f->socket->family))
        return NO;
    w->net_found = true;
    return YES;
}

static enum answer ask_addresses(struct lsof_words *w, const struct lsof_file *f)
{
    enum answer answer = w->addresses.len > 0 ? NO : NOT_ASKED;
    for (size_t i = 0; f->kind == LSOF_INET && i < w->addresses.len; i++) {
        struct lsof_address *a = vec_at(&w->addresses, i);
        if (!address_hits(a, f->socket))
            continue;
        a->found = true;
        answer = YES;
    }
    return answer;
}

static enum answer ask_fd(const struct lsof_words *w, const struct lsof_file *f)
{
    bool hit = false;
    if (!w->fds_given)
        return NOT_ASKED;
    for (size_t i = 0; !hit && i < w->fds.len; i++) {
        const struct lsof_fds *fds = vec_at(&w->fds, i);
        hit = fds->first <= f->fd && f->fd <= fds->last;
    }
    if (w->fds_exclude)
        return hit ? EXCLUDED : YES;
    return hit ? YES : NO;
}

/* With states to include, network files in others, or without one, are out. */
static bool state_passes(struct lsof_words *w, const struct lsof_file *f)
{
    bool includes = false;
    if (f->kind != LSOF_INET)
        return true;
    for (size_t i = 0; i < w->states.len; i++) {
        struct lsof_state *s = vec_at(&w->states, i);
        bool hit = f->socket->kind == NET_TCP && s->state == f->socket->state;
        s->found |= hit;
        includes |= !s->exclude;
        if (hit)
            return !s->exclude;
    }
    return !includes;
}

static enum answer ask_names(struct lsof_words *w, const struct lsof_file *f)
{
    enum answer a = w->names.len > 0 ? NO : NOT_ASKED;
    const struct net_socket *s = f->socket;
    for (size_t i = 0; f->kind == LSOF_UNIX && i < w->names.len; i++) {
        struct lsof_path *name = vec_at(&w->names, i);
        if (strlen(name->path) != s->path_len || memcmp(name->path, s->path, s->path_len) != 0)
            continue;
        name->found = true;
        a = YES;
    }
    return a;
}

static bool ask_file(struct lsof_words *w, const struct lsof_file *f, struct verdict *v)
{
    enum answer unix_socket = !w->unix_sockets ? NOT_ASKED : f->kind == LSOF_UNIX ? YES : NO;
    return state_passes(w, f) && count(v, ask_fd(w, f)) && count(v, ask_net(w, f)) &&
           count(v, ask_addresses(w, f)) && count(v, unix_socket) && count(v, ask_names(w, f)) &&
           count(v, w->nfs ? NO : NOT_ASKED);
}

static void select_process(struct lsof_words *w, struct lsof_process *p)
{
    struct verdict process = {false, false};
    if (!ask_process(w, p, &process) || (w->and &&process.no))
        return;
    bool all = !lsof_selects_processes(w) && !lsof_selects_files(w);
    for (size_t i = 0; i < p->n_files; i++) {
        struct lsof_file *f = &p->files[i];
        struct verdict v = process;
        if (!ask_file(w, f, &v))
            continue;
        f->selected = all || (w->and ? !v.no : v.yes);
        p->selected |= f->selected;
    }
}

bool lsof_is_end(const struct lsof_file *f, const struct lsof_file *of)
{
    const struct net_socket *a = f->socket, *b = of->socket;
    if (f->kind != of->kind || f->socket->kind != of->socket->kind)
        return false;
    if (f->kind == LSOF_UNIX)
        return of->peer != 0 && of->peer == a->inode;
    return f->kind == LSOF_INET && a->family == b->family && a->state == NET_ESTABLISHED &&
           b->state == NET_ESTABLISHED && a->local_port == b->peer_port &&
           a->peer_port == b->local_port && net_addr_equal(&a->local, &b->peer) &&
           net_addr_equal(&a->peer, &b->local);
}

/* The far ends of what is selected are listed too. */
static void add_ends(struct lsof_host *h)
{
    for (size_t i = 0; i < h->processes.len; i++) {
        struct lsof_process *p = vec_at(&h->processes, i);
        for (size_t k = 0; k < p->n_files; k++) {
            struct lsof_file *f = &p->files[k];
            for (size_t j = 0; !f->selected && !f->end && j < h->files.len; j++) {
                const struct lsof_file *of = vec_at(&h->files, j);
                f->end = of->selected && lsof_is_end(f, of);
            }
            p->selected |= f->end;
        }
    }
}

void lsof_select(struct lsof_host *h, struct lsof_words *w)
{
    for (size_t i = 0; i < h->processes.len; i++)
        select_process(w, vec_at(&h->processes, i));
    if (w->endpoints == LSOF_LIST_ENDPOINTS)
        add_ends(h);
}

static void tell(struct buf *out, const char *what, const char *text, size_t n)
{
    if (!out)
        return;
    buf_printf(out, "lsof: %s: ", what);
    lsof_printable(out, text, n, false);
    buf_char(out, '\n');
}

static bool missing_numbers(const struct vec *numbers, struct buf *out, const char *what)
{
    bool missing = false;
    for (size_t i = 0; i < numbers->len; i++) {
        const struct lsof_number *n = vec_at(numbers, i);
        char text[24];
        if (n->found || n->exclude)
            continue;
        missing = true;
        tell(out, what, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n->value));
    }
    return missing;
}

static bool missing_commands(const struct vec *terms, struct buf *out)
{
    bool missing = false;
    for (size_t i = 0; i < terms->len; i++) {
        const struct lsof_command_term *t = vec_at(terms, i);
        if (t->found)
            continue;
        missing = true;
        tell(out, t->is_regex ? "no command found for regex" : "command not located", t->text,
             t->n);
    }
    return missing;
}

static bool missing_addresses(const struct lsof_words *w, struct buf *out)
{
    bool missing = false;
    for (size_t i = w->addresses.len; i-- > 0;) {
        const struct lsof_address *a = vec_at(&w->addresses, i);
        if (a->found)
            continue;
        missing = true;
        tell(out, "Internet address not located", a->text, strlen(a->text));
    }
    if (!w->net || w->net_found)
        return missing;
    if (out)
        buf_str(out, "lsof: no Internet files located\n");
    return true;
}

static bool missing_states(const struct lsof_words *w, struct buf *out)
{
    bool missing = false;
    for (size_t i = 0; i < w->states.len; i++) {
        const struct lsof_state *s = vec_at(&w->states, i);
        const char *name = s->state ? net_state_name(s->state) : "CLOSED";
        if (s->found || s->exclude)
            continue;
        missing = true;
        tell(out, "TCP state not located", name, strlen(name));
    }
    return missing;
}

static bool missing_names(const struct lsof_words *w, struct buf *out)
{
    bool missing = false;
    for (size_t i = 0; i < w->names.len; i++) {
        const struct lsof_path *name = vec_at(&w->names, i);
        if (name->found)
            continue;
        missing = true;
        if (name->refused)
            continue;
        tell(out, "no file use located", name->path, strlen(name->path));
    }
    return missing;
}

bool lsof_not_found(struct lsof_words *w, struct buf *out)
{
    bool missing = missing_commands(&w->commands, out);
    missing |= missing_names(w, out);
    missing |= missing_addresses(w, out);
    missing |= missing_states(w, out);
    missing |= missing_numbers(&w->pids, out, "process ID not located");
    missing |= missing_numbers(&w->groups, out, "process group ID not located");
    if (w->nfs && out)
        buf_str(out, "lsof: no NFS files located\n");
    return missing || w->nfs;
}
