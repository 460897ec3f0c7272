#include "net/cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { ID_LENGTH = 64, ID_SHOWN = 12, NAME_MAX_SHOWN = 64 };

/* One component of the path, not terminated. */
struct part {
    const char *at;
    size_t n;
};

static bool equals(struct part p, const char *text)
{
    return p.n == strlen(text) && memcmp(p.at, text, p.n) == 0;
}

/* Takes a prefix or suffix off; false, and *p unchanged, if it isn't there or all there is. */
static bool cut_front(struct part *p, const char *prefix)
{
    size_t n = strlen(prefix);
    if (p->n <= n || memcmp(p->at, prefix, n) != 0)
        return false;
    p->at += n;
    p->n -= n;
    return true;
}

static bool cut_back(struct part *p, const char *suffix)
{
    size_t n = strlen(suffix);
    if (p->n <= n || memcmp(p->at + p->n - n, suffix, n) != 0)
        return false;
    p->n -= n;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_id(struct part p)
{
    for (size_t i = 0; i < p.n; i++)
        if (!is_hex(p.at[i]))
            return false;
    return p.n == ID_LENGTH;
}

/* systemd sets "_" before a name that could clash with one of the kernel's files (cg_unescape). */
static void unescape(struct part *p)
{
    cut_front(p, "_");
}

static bool is_unit_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr(":-_.\\@", c));
}

/* The types of units that have control groups, but for slices, which only hold others. */
static bool is_unit(struct part p)
{
    static const char *const suffixes[] = {".service", ".scope", ".socket", ".mount", ".swap"};
    bool typed = false;
    struct part name = p;
    if (p.n >= sizeof((struct net_cgroup *)0)->unit)
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !typed; i++)
        typed = cut_back(&name, suffixes[i]);
    if (!typed || name.at[0] == '@' ||
        name.at[name.n - 1] == '@') /* a bare template runs nothing */
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_unit_char(name.at[i]))
            return false;
    return true;
}

/* Names of runtimes as they stand before the id, in "<prefix>-<id>.scope" (systemd's driver) and in
 * "<slice>:<prefix>:<id>". */
static const struct {
    const char *prefix, *runtime;
} runtimes[] = {
    {"docker", "docker"},     {"libpod", "podman"},      {"cri-containerd", "containerd"},
    {"crio", "crio"},         {"nerdctl", "containerd"}, {"containerd", "containerd"},
    {"cri-dockerd", "docker"}};

/* "docker-<id>.scope" or a bare id below a directory that may name the runtime. */
static bool find_id(struct part p, struct part above, struct part *ret_id, const char **ret_runtime)
{
    struct part id = p;
    cut_back(&id, ".scope");
    if (is_id(id)) {
        *ret_id = id;
        *ret_runtime = equals(above, "docker") || equals(above, "ecs") ? "docker" : "container";
        return true;
    }
    const char *colon = memrchr(p.at, ':', p.n);
    if (colon) { /* the kubelet's "slice:prefix:id", where the runtime had no systemd driver */
        const char *before = memrchr(p.at, ':', (size_t)(colon - p.at));
        if (before)
            id = (struct part){before + 1, (size_t)(p.at + p.n - before - 1)};
    }
    for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
        struct part rest = id;
        if (cut_front(&rest, runtimes[i].prefix) && (rest.at[0] == '-' || rest.at[0] == ':')) {
            rest.at++;
            rest.n--;
            if (is_id(rest)) {
                *ret_id = rest;
                *ret_runtime = runtimes[i].runtime;
                return true;
            }
        }
    }
    return false;
}

/* "pod<uid>", or "kubepods-burstable-pod<uid with _ for ->.slice". */
static bool find_pod(struct part p, char *ret, size_t size)
{
    static const char *const prefixes[] = {"kubepods-besteffort-pod",
                                           "kubepods-burstable-pod",
                                           "kubepods-pod",
                                           "kubelet-kubepods-besteffort-pod",
                                           "kubelet-kubepods-burstable-pod",
                                           "kubelet-kubepods-pod"};
    const char *colon = memchr(p.at, ':', p.n);
    if (colon)
        p.n = (size_t)(colon - p.at);
    bool slice = cut_back(&p, ".slice"), found = false;
    for (size_t i = 0; slice && !found && i < sizeof prefixes / sizeof *prefixes; i++)
        found = cut_front(&p, prefixes[i]);
    if (!slice)
        found = cut_front(&p, "pod");
    /* A uid has 36 characters, or 32 digits for a static pod, whose uid is a hash. */
    if (!found || p.n < 32 || p.n > 36 || p.n >= size)
        return false;
    for (size_t i = 0; i < p.n; i++) {
        if (!is_hex(p.at[i]) && p.at[i] != '-' && p.at[i] != '_')
            return false;
        ret[i] = p.at[i] == '_' ? '-' : p.at[i];
    }
    ret[p.n] = '\0';
    return true;
}

/* Undoes the \xNN of unit names, in which machined writes a machine's name. */
static void unescape_name(struct part p, char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < p.n && len + 1 < size; i++) {
        unsigned byte;
        if (p.n - i >= 4 && p.at[i] == '\\' && p.at[i + 1] == 'x' && is_hex(p.at[i + 2]) &&
            is_hex(p.at[i + 3]) && sscanf(p.at + i + 2, "%2x", &byte) == 1 && byte) {
            to[len++] = (char)byte;
            i += 3;
        } else {
            to[len++] = p.at[i];
        }
    }
    to[len] = '\0';
}

/* Containers that go by a name: LXC, machined's virtual machines and nspawn's. */
static bool find_named(struct part p, struct part above, char *ret, size_t size)
{
    static const struct {
        const char *above, *front, *back, *kind;
    } forms[] = {
        {"machine.slice", "machine-", ".scope", "machine"},
        {"machine.slice", "systemd-nspawn@", ".service", "machine"},
        {NULL, "lxc.payload.", "", "lxc"},
        {"lxc.payload", "", "", "lxc"},
        {"lxc", "", "", "lxc"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct part name = p;
        if (forms[i].above && !equals(above, forms[i].above))
            continue;
        if (!cut_front(&name, forms[i].front) || !cut_back(&name, forms[i].back))
            continue;
        char text[NAME_MAX_SHOWN + 1];
        unescape_name(name, text, sizeof text);
        snprintf(ret, size, "%s:%s", forms[i].kind, text);
        return true;
    }
    return false;
}

void net_cgroup_explain(const char *path, struct net_cgroup *ret)
{
    struct part above = {"", 0}, id = {"", 0};
    const char *runtime = NULL;
    char pod[40] = "", named[96] = "";

    *ret = (struct net_cgroup){0};
    while (*path) {
        struct part p = {path, strcspn(path, "/")};
        path += p.n + (path[p.n] == '/');
        if (p.n == 0)
            continue;
        unescape(&p);
        if (is_unit(p)) {
            memcpy(ret->unit, p.at, p.n);
            ret->unit[p.n] = '\0';
        }
        find_pod(p, pod, sizeof pod);
        find_named(p, above, named, sizeof named);
        find_id(p, above, &id, &runtime);
        above = p;
    }
    int len = pod[0] ? snprintf(ret->container, sizeof ret->container, "pod:%s", pod) : 0;
    if (runtime)
        snprintf(ret->container + len, sizeof ret->container - (size_t)len, "%s%s:%.*s",
                 len ? "/" : "", runtime, ID_SHOWN, id.at);
    else if (!len)
        memcpy(ret->container, named, sizeof named);
}
