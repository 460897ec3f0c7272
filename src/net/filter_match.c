/* A filter's answer for one socket.
 *
 * Called for each of half a million sockets: nothing is allocated (but by regexec for ~), and no
 * answer needs more than a walk of the tree. Three values after Kleene: what may not be seen is
 * unknown, and stays so unless the rest of the expression decides without it.
 */
#include <string.h>

#include "net/filter_impl.h"

static enum net_match answer(bool yes)
{
    return yes ? NET_MATCH_YES : NET_MATCH_NO;
}

static bool compare(enum net_filter_relation relation, int order)
{
    switch (relation) {
    case NET_EQ:
        return order == 0;
    case NET_NE:
        return order != 0;
    case NET_LT:
        return order < 0;
    case NET_LE:
        return order <= 0;
    case NET_GT:
        return order > 0;
    case NET_GE:
        return order >= 0;
    default:
        return false;
    }
}

static int order_uint(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int order_int(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static bool like(const struct net_filter_node *n, const char *bytes, size_t len)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)len};
    const regex_t *regex = ((const struct filter_node *)n)->regex;
    return regexec(regex, bytes, 0, &range, REG_STARTEND) == 0;
}

static bool text_matches(const struct net_filter_node *n, const char *bytes, size_t len)
{
    if (n->relation == NET_LIKE)
        return like(n, bytes, len);
    bool same = strlen(n->text) == len && memcmp(n->text, bytes, len) == 0;
    return same == (n->relation == NET_EQ);
}

static char other_case(char c)
{
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return letter ? (char)(c ^ 0x20) : c;
}

/* One set of brackets, *pattern behind the [; moves behind the ]. False, unmoved: there is no ]. */
static bool match_brackets(const char **pattern, char c, bool *ret_in)
{
    const char *at = *pattern;
    char other = other_case(c);
    bool negated = *at == '!' || *at == '^', in = false;
    at += negated;
    for (const char *start = at; *at != ']' || at == start; at++) {
        if (*at == '\\' && at[1])
            at++;
        if (!*at)
            return false;
        char first = *at, last = first;
        if (at[1] == '-' && at[2] && at[2] != ']') {
            last = at[2];
            at += 2;
        }
        in |= (c >= first && c <= last) || (other >= first && other <= last);
    }
    *pattern = at + 1;
    *ret_in = in != negated;
    return true;
}

/* One character against the pattern's next item, which isn't a *; moves behind that item. */
static bool match_item(const char **pattern, char c)
{
    const char *at = *pattern;
    bool in;
    if (!*at)
        return false;
    *pattern = at + 1;
    if (*at == '?')
        return true;
    if (*at == '[' && match_brackets(pattern, c, &in))
        return in;
    if (*at == '\\' && at[1])
        *pattern = ++at + 1;
    return *at == c || *at == other_case(c);
}

/* As fnmatch(3) without its flags but FNM_CASEFOLD, with a cost of length times length at most, and
 * for names with NUL bytes in them. Only the last * is ever tried again. */
static bool glob_matches(const char *pattern, const char *text, size_t n)
{
    const char *star = NULL;
    size_t at = 0, again = 0;
    while (at < n) {
        const char *next = pattern;
        if (*pattern == '*') {
            star = ++pattern;
            again = at;
        } else if (match_item(&next, text[at])) {
            pattern = next;
            at++;
        } else if (star) {
            pattern = star;
            at = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

typedef enum net_match matcher(const struct net_filter *f, const struct net_filter_node *n,
                               const struct net_socket *s);

static matcher match;

static enum net_match match_and(const struct net_filter *f, const struct net_filter_node *n,
                                const struct net_socket *s)
{
    enum net_match left = match(f, n->left, s);
    if (left == NET_MATCH_NO)
        return left;
    enum net_match right = match(f, n->right, s);
    return right == NET_MATCH_YES ? left : right;
}

static enum net_match match_or(const struct net_filter *f, const struct net_filter_node *n,
                               const struct net_socket *s)
{
    enum net_match left = match(f, n->left, s);
    if (left == NET_MATCH_YES)
        return left;
    enum net_match right = match(f, n->right, s);
    return right == NET_MATCH_NO ? left : right;
}

static enum net_match match_not(const struct net_filter *f, const struct net_filter_node *n,
                                const struct net_socket *s)
{
    enum net_match inner = match(f, n->left, s);
    return inner == NET_MATCH_UNKNOWN ? inner : answer(inner == NET_MATCH_NO);
}

static enum net_match match_true(const struct net_filter *f, const struct net_filter_node *n,
                                 const struct net_socket *s)
{
    (void)f, (void)n, (void)s;
    return NET_MATCH_YES;
}

static enum net_match match_kind(const struct net_filter *f, const struct net_filter_node *n,
                                 const struct net_socket *s)
{
    (void)f;
    return answer((n->kinds >> s->kind & 1) &&
                  (!n->families || (s->family < 32 && n->families >> s->family & 1)));
}

static enum net_match match_state(const struct net_filter *f, const struct net_filter_node *n,
                                  const struct net_socket *s)
{
    (void)f;
    return answer(n->states >> s->state & 1);
}

static bool has_ports(const struct net_socket *s)
{
    return FILTER_KINDS_PORT >> s->kind & 1;
}

static bool address_matches(const struct net_prefix *prefix, const struct net_socket *s,
                            const struct net_addr *a)
{
    if (!prefix->addr.family)
        return true;
    if (a->family)
        return net_prefix_contains(prefix, a);
    struct net_addr none = {.family = (uint8_t)s->family}; /* no peer is the wildcard, as in ss */
    return net_prefix_contains(prefix, &none);
}

static enum net_match match_end(const struct net_filter_node *n, const struct net_socket *s,
                                bool local)
{
    if (net_socket_forbids(s, local ? NET_F_LOCAL : NET_F_PEER))
        return NET_MATCH_UNKNOWN;
    uint32_t port = local ? s->local_port : s->peer_port;
    if (port < n->port_first || (port > n->port_last && n->port_last != FILTER_PORT_ANY))
        return NET_MATCH_NO;
    return answer(address_matches(&n->prefix, s, local ? &s->local : &s->peer));
}

static enum net_match either(enum net_match a, enum net_match b)
{
    if (a == NET_MATCH_YES || b == NET_MATCH_YES)
        return NET_MATCH_YES;
    return a == NET_MATCH_UNKNOWN ? a : b;
}

static enum net_match match_host(const struct net_filter *f, const struct net_filter_node *n,
                                 const struct net_socket *s)
{
    (void)f;
    if (!has_ports(s))
        return NET_MATCH_NO;
    if (n->end != NET_EITHER)
        return match_end(n, s, n->end == NET_LOCAL);
    return either(match_end(n, s, true), match_end(n, s, false));
}

static enum net_match match_path(const struct net_filter *f, const struct net_filter_node *n,
                                 const struct net_socket *s)
{
    (void)f;
    if (net_socket_forbids(s, NET_F_PATH))
        return NET_MATCH_UNKNOWN;
    return answer((NET_KINDS_UNIX >> s->kind & 1) && s->path_len &&
                  glob_matches(n->text, s->path, s->path_len));
}

/* unix(7): autobind gives five hexadecimal digits. */
static bool is_autobound_name(const char *path, size_t n)
{
    if (n != 6 || *path != '@')
        return false;
    for (size_t i = 1; i < n; i++)
        if (!(path[i] >= '0' && path[i] <= '9') && !(path[i] >= 'a' && path[i] <= 'f'))
            return false;
    return true;
}

static enum net_match match_autobound(const struct net_filter *f, const struct net_filter_node *n,
                                      const struct net_socket *s)
{
    (void)n;
    if (NET_KINDS_UNIX >> s->kind & 1)
        return answer(is_autobound_name(s->path, s->path_len));
    if (net_socket_forbids(s, NET_F_LOCAL))
        return NET_MATCH_UNKNOWN;
    return answer(FILTER_KINDS_IP >> s->kind & 1 && s->local_port >= f->auto_first &&
                  s->local_port <= f->auto_last);
}

static enum net_match match_reach(const struct net_filter *f, const struct net_filter_node *n,
                                  const struct net_socket *s)
{
    if (!f->reach)
        return NET_MATCH_UNKNOWN;
    enum net_reach reach = f->reach(f->reach_ctx, s);
    return net_reach_is_certain(s, reach) ? answer(n->mask >> reach & 1) : NET_MATCH_UNKNOWN;
}

static enum net_match match_device(const struct net_filter *f, const struct net_filter_node *n,
                                   const struct net_socket *s)
{
    (void)f;
    if (net_socket_forbids(s, NET_F_DEVICE))
        return NET_MATCH_UNKNOWN;
    return answer(s->ifindex == n->number);
}

static enum net_match match_mark(const struct net_filter *f, const struct net_filter_node *n,
                                 const struct net_socket *s)
{
    (void)f;
    if (!net_socket_knows(s, NET_F_MARK))
        return net_socket_forbids(s, NET_F_MARK) ? NET_MATCH_UNKNOWN : NET_MATCH_NO;
    return answer((s->mark & n->mask) == n->number);
}

static enum net_match match_cgroup(const struct net_filter *f, const struct net_filter_node *n,
                                   const struct net_socket *s)
{
    (void)f;
    if (!net_socket_knows(s, NET_F_CGROUP_ID))
        return net_socket_forbids(s, NET_F_CGROUP_ID) ? NET_MATCH_UNKNOWN : NET_MATCH_NO;
    return answer(s->cgroup_id == n->number);
}

static enum net_match match_id(const struct net_filter *f, const struct net_filter_node *n,
                               const struct net_socket *s)
{
    (void)f;
    bool local = n->end != NET_PEER && s->local_id == n->number;
    bool peer = n->end != NET_LOCAL && s->peer_id == n->number;
    return answer(local || peer);
}

static enum net_match match_field(const struct net_filter *f, const struct net_filter_node *n,
                                  const struct net_socket *s)
{
    (void)f;
    struct cell cell = net_field_get(s, n->field);
    if (cell.presence == FORBIDDEN)
        return NET_MATCH_UNKNOWN;
    if (cell.presence == ABSENT)
        return answer(n->relation == NET_NE); /* what isn't there is nothing that one can name */
    switch (net_field_infos[n->field].kind) {
    case CELL_BOOL:
        return answer(compare(n->relation, order_uint(cell.boolean, n->number)));
    case CELL_INT:
        return answer(compare(n->relation, order_int(cell.integer, (int64_t)n->number)));
    case CELL_TEXT:
        return answer(text_matches(n, cell.text.bytes, cell.text.n));
    default:
        return answer(compare(n->relation, order_uint(cell.uint, n->number)));
    }
}

/* The kernel keeps 15 bytes of a name, so a longer one that the user writes is cut as well. */
static bool comm_matches(const struct net_filter_node *n, const char *comm)
{
    enum { KEPT = 15 };
    size_t len = strlen(comm), wanted = strlen(n->text);
    if (n->relation == NET_EQ && len == KEPT && wanted > KEPT)
        return memcmp(comm, n->text, KEPT) == 0;
    return text_matches(n, comm, len);
}

/* "nginx" is "nginx.service" too. */
static bool unit_matches(const struct net_filter_node *n, const char *unit)
{
    size_t wanted = n->relation == NET_EQ ? strlen(n->text) : 0;
    if (wanted && strncmp(unit, n->text, wanted) == 0 && strcmp(unit + wanted, ".service") == 0)
        return true;
    return text_matches(n, unit, strlen(unit));
}

/* "docker:0123456789ab": by the engine, or by the id, either of the two cut short. */
static bool part_matches(const char *wanted, const char *part, size_t n)
{
    enum { LEAST_ID = 8 };
    const char *colon = memchr(part, ':', n);
    if (!colon)
        return false;
    size_t engine = (size_t)(colon - part);
    if (strncmp(part, wanted, engine) == 0 && !wanted[engine])
        return true;
    if (strncmp(part, wanted, engine + 1) == 0)
        wanted += engine + 1;
    size_t len = n - engine - 1, shorter = strlen(wanted);
    shorter = len < shorter ? len : shorter;
    return shorter >= LEAST_ID && memcmp(colon + 1, wanted, shorter) == 0;
}

/* By the whole, or by a part: "pod:01234567-89ab-…/containerd:0123456789ab" has two. */
static bool container_matches(const struct net_filter_node *n, const char *container)
{
    if (text_matches(n, container, strlen(container)))
        return true;
    if (n->relation != NET_EQ)
        return false;
    for (const char *part = container; *part;) {
        size_t length = strcspn(part, "/");
        if (part_matches(n->text, part, length))
            return true;
        part += length + (part[length] == '/');
    }
    return false;
}

typedef bool text_matcher(const struct net_filter_node *n, const char *text);

static bool plain_matches(const struct net_filter_node *n, const char *text)
{
    return text_matches(n, text, strlen(text));
}

/* A text that was read from /proc/PID/`from`; without it, absent or not seen. */
static enum net_match match_process_text(const struct net_filter_node *n,
                                         const struct net_process *process, const char *text,
                                         enum net_process_field from, text_matcher *matches)
{
    if (text)
        return answer(matches(n, text));
    return process->known >> from & 1 ? NET_MATCH_NO : NET_MATCH_UNKNOWN;
}

static enum net_match match_owner(const struct net_filter_node *n, const struct net_owner *o)
{
    const struct net_process *process = o->process;
    if (n->owner_key == NET_OWNER_PID)
        return answer(compare(n->relation, order_int(o->pid, (int64_t)n->number)));
    if (n->owner_key == NET_OWNER_FD)
        return answer(compare(n->relation, order_int(o->fd, (int64_t)n->number)));
    if (!process)
        return NET_MATCH_UNKNOWN;
    switch (n->owner_key) {
    case NET_OWNER_COMM:
        return *process->comm ? answer(comm_matches(n, process->comm)) : NET_MATCH_UNKNOWN;
    case NET_OWNER_CMDLINE:
        return match_process_text(n, process, process->cmdline, NET_P_CMDLINE, plain_matches);
    case NET_OWNER_UNIT:
        return match_process_text(n, process, process->unit, NET_P_CGROUP, unit_matches);
    case NET_OWNER_CONTAINER:
        return match_process_text(n, process, process->container, NET_P_CGROUP, container_matches);
    default: /* NET_OWNER_USER; ages aren't asked of one holder */
        return process->known >> NET_P_UID & 1 ? answer(process->uid == n->number)
                                               : NET_MATCH_UNKNOWN;
    }
}

/* By the first of the holders to start; unknown as long as one of them is. */
static enum net_match match_age(const struct net_filter *f, const struct net_filter_node *n,
                                const struct net_socket *s)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < s->n_owners; i++) {
        const struct net_process *process = s->owners[i].process;
        if (!process || !(process->known >> NET_P_START & 1))
            return NET_MATCH_UNKNOWN;
        first = process->start_ns < first ? process->start_ns : first;
    }
    if (s->n_owners == 0)
        return NET_MATCH_NO;
    if (!f->now_ns)
        return NET_MATCH_UNKNOWN;
    uint64_t age = f->now_ns > first ? f->now_ns - first : 0;
    return answer(compare(n->relation, order_uint(age, n->number)));
}

static enum net_match match_owners(const struct net_filter *f, const struct net_filter_node *n,
                                   const struct net_socket *s)
{
    enum net_match best = NET_MATCH_NO;
    bool seen = net_socket_knows(s, NET_F_OWNERS) && !net_socket_forbids(s, NET_F_OWNERS);
    /* Who made the socket counts as its user, and may be seen by everybody. */
    if (n->owner_key == NET_OWNER_USER && net_socket_knows(s, NET_F_UID) && s->uid == n->number)
        return NET_MATCH_YES;
    if (n->owner_key == NET_OWNER_AGE)
        return seen ? match_age(f, n, s) : NET_MATCH_UNKNOWN;
    for (uint32_t i = 0; i < s->n_owners && best != NET_MATCH_YES; i++)
        best = either(best, match_owner(n, &s->owners[i]));
    return best == NET_MATCH_YES || seen ? best : NET_MATCH_UNKNOWN;
}

static enum net_match match(const struct net_filter *f, const struct net_filter_node *n,
                            const struct net_socket *s)
{
    static matcher *const matchers[] = {
        [NET_FILTER_AND] = match_and,
        [NET_FILTER_OR] = match_or,
        [NET_FILTER_NOT] = match_not,
        [NET_FILTER_TRUE] = match_true,
        [NET_FILTER_KIND] = match_kind,
        [NET_FILTER_STATE] = match_state,
        [NET_FILTER_HOST] = match_host,
        [NET_FILTER_PATH] = match_path,
        [NET_FILTER_AUTOBOUND] = match_autobound,
        [NET_FILTER_REACH] = match_reach,
        [NET_FILTER_DEVICE] = match_device,
        [NET_FILTER_MARK] = match_mark,
        [NET_FILTER_CGROUP] = match_cgroup,
        [NET_FILTER_ID] = match_id,
        [NET_FILTER_FIELD] = match_field,
        [NET_FILTER_OWNER] = match_owners,
    };
    return matchers[n->op](f, n, s);
}

enum net_match net_filter_match(const struct net_filter *f, const struct net_socket *s)
{
    return match(f, f->root, s);
}
