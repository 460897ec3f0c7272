#include "net/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void facts_init(struct facts *f)
{
    *f = (struct facts){
        .sockets = VEC_INIT(struct net_socket),
        .processes = VEC_INIT(struct net_process *),
        .interfaces = VEC_INIT(struct net_iface),
        .namespaces = VEC_INIT(struct net_namespace),
        .sysctls = VEC_INIT(struct net_sysctl),
        .counters = VEC_INIT(struct net_counter),
    };
}

static const size_t process_texts[] = {
    offsetof(struct net_process, user),      offsetof(struct net_process, cmdline),
    offsetof(struct net_process, exe),       offsetof(struct net_process, cwd),
    offsetof(struct net_process, cgroup),    offsetof(struct net_process, unit),
    offsetof(struct net_process, container),
};

enum { PROCESS_TEXTS = sizeof process_texts / sizeof *process_texts };

static char **text_of(const struct net_process *p, size_t i)
{
    return (char **)((char *)(uintptr_t)p + process_texts[i]);
}

static void process_free(struct net_process *p)
{
    for (size_t i = 0; i < PROCESS_TEXTS; i++)
        free(*text_of(p, i));
    free(p);
}

static struct net_process *process_copy(const struct net_process *from)
{
    struct net_process *p = malloc(sizeof *p);
    if (!p)
        return NULL;
    *p = *from;
    bool failed = false;
    for (size_t i = 0; i < PROCESS_TEXTS; i++) {
        const char *text = *text_of(from, i);
        *text_of(p, i) = text ? strdup(text) : NULL;
        failed |= text && !*text_of(p, i);
    }
    if (!failed)
        return p;
    process_free(p);
    return NULL;
}

void facts_clear(struct facts *f)
{
    for (size_t i = 0; i < f->sockets.len; i++)
        net_socket_copy_free(vec_at(&f->sockets, i));
    for (size_t i = 0; i < f->processes.len; i++)
        process_free(*(struct net_process **)vec_at(&f->processes, i));
    for (size_t i = 0; i < f->interfaces.len; i++)
        net_iface_clear(vec_at(&f->interfaces, i));
    for (size_t i = 0; i < f->sysctls.len; i++)
        free(((struct net_sysctl *)vec_at(&f->sysctls, i))->value);
    vec_free(&f->sockets);
    vec_free(&f->processes);
    vec_free(&f->interfaces);
    vec_free(&f->namespaces);
    vec_free(&f->sysctls);
    vec_free(&f->counters);
    hash_free(&f->process_by_pid);
}

/* The facts' own copy of a process; made the first time that it is met. NULL without memory. */
static const struct net_process *own_process(struct facts *f, const struct net_process *from)
{
    uint64_t *at = hash_put(&f->process_by_pid, (uint32_t)from->pid, NULL);
    if (!at)
        return NULL;
    if (*at)
        return *(struct net_process **)vec_at(&f->processes, *at - 1);
    struct net_process *p = process_copy(from);
    if (!p || vec_add(&f->processes, &p) < 0) {
        if (p)
            process_free(p);
        return NULL;
    }
    *at = f->processes.len;
    return p;
}

int facts_copy_socket(struct facts *f, const struct net_socket *s, struct net_socket *ret)
{
    struct net_socket copy;
    int r = net_socket_copy(&copy, s);
    if (r < 0)
        return r;
    struct net_owner *owners = (struct net_owner *)(uintptr_t)copy.owners;
    for (uint32_t i = 0; i < copy.n_owners; i++) {
        if (!owners[i].process)
            continue;
        owners[i].process = own_process(f, owners[i].process);
        if (!owners[i].process) {
            net_socket_copy_free(&copy);
            return -ENOMEM;
        }
    }
    *ret = copy;
    return 0;
}

int facts_add_socket(struct facts *f, const struct net_socket *s)
{
    struct net_socket copy;
    int r = facts_copy_socket(f, s, &copy);
    if (r < 0)
        return r;
    r = vec_add(&f->sockets, &copy);
    if (r < 0)
        net_socket_copy_free(&copy);
    return r;
}

int facts_add_sysctl(struct facts *f, const char *name, const char *value, bool forbidden)
{
    struct net_sysctl s = {.forbidden = forbidden};
    if (strlen(name) >= sizeof s.name)
        return -ENAMETOOLONG;
    strcpy(s.name, name);
    if (value && !(s.value = strdup(value)))
        return -ENOMEM;
    int r = vec_add(&f->sysctls, &s);
    if (r < 0)
        free(s.value);
    return r;
}

const char *facts_sysctl(const struct facts *f, const char *name)
{
    for (size_t i = 0; i < f->sysctls.len; i++) {
        const struct net_sysctl *s = vec_at(&f->sysctls, i);
        if (s->value && strcmp(s->name, name) == 0)
            return s->value;
    }
    return NULL;
}

int facts_add_counter(struct facts *f, const char *name, uint64_t value)
{
    struct net_counter c = {.value = value};
    if (strlen(name) >= sizeof c.name)
        return -ENAMETOOLONG;
    strcpy(c.name, name);
    return vec_add(&f->counters, &c);
}

int facts_counter(const struct facts *f, const char *name, uint64_t *ret)
{
    for (size_t i = 0; i < f->counters.len; i++) {
        const struct net_counter *c = vec_at(&f->counters, i);
        if (strcmp(c->name, name) == 0) {
            *ret = c->value;
            return 0;
        }
    }
    return -ENOENT;
}
