/* What a `berth listen` still needs once it is open: next to nothing, for most modes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cmd/listen.h"

static bool is_abstract(const struct target *t)
{
    return t->family == AF_UNIX && ((const struct sockaddr_un *)&t->address)->sun_path[0] == '\0';
}

static int keep_all(struct sandbox *sandbox, const char *const *paths)
{
    int result = 0;
    for (; *paths && result == 0; paths++)
        result = confine_keep_path(sandbox, *paths, SANDBOX_READ);
    return result;
}

/* What getaddrinfo(3) reads, and where it asks if an answer is too long for UDP. A file that is
 * replaced later isn't this one any more: the addresses stay as they were found last. */
static int keep_lookup(struct sandbox *sandbox)
{
    static const char *const files[] = {
        "/etc/hosts",     "/etc/resolv.conf", "/etc/nsswitch.conf",   "/etc/gai.conf",
        "/etc/host.conf", "/etc/services",    "/run/systemd/resolve", NULL};
    static const uint16_t domain = 53;
    int result = keep_all(sandbox, files);
    return result == 0 ? vec_add(&sandbox->ports, &domain) : result;
}

static int keep_sockets(struct sandbox *sandbox, const struct server *s)
{
    int result = s->forward_to.host == ENDPOINT_NAME ? keep_lookup(sandbox) : 0;
    for (size_t i = 0; i < s->forward.targets.len && result == 0; i++) {
        const struct target *t = vec_at(&s->forward.targets, i);
        struct net_addr a;
        uint16_t port;
        sandbox->speaks_abstract = sandbox->speaks_abstract || is_abstract(t);
        if (target_get_ip(&t->address, &a, &port))
            result = vec_add(&sandbox->ports, &port);
    }
    return result;
}

/* A file that is there, or the folder where it will be. */
static int keep_file(struct sandbox *sandbox, const struct server *s)
{
    char path[PATH_MAX];
    int flags;
    if (end_file_path(&s->forward_to, END_SINK, path, &flags) < 0)
        return 0;
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    if (reads || access(path, F_OK) == 0)
        return confine_keep_path(sandbox, path, reads ? SANDBOX_READ : SANDBOX_WRITE);
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path ? 1 : 0] = '\0';
    return confine_keep_path(sandbox, slash ? path : ".", SANDBOX_CREATE);
}

static int keep_line(struct sandbox *sandbox, const struct server *s)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(s->forward_to.text, ","), s->forward_to.text);
    return confine_keep_path(sandbox, path, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_DEVICE);
}

static int keep_forward(struct sandbox *sandbox, const struct server *s)
{
    switch (s->forward_to.scheme) {
    case ENDPOINT_FILE:
        return keep_file(sandbox, s);
    case ENDPOINT_SERIAL:
        return keep_line(sandbox, s);
    default:
        return keep_sockets(sandbox, s);
    }
}

/* Where a system keeps whom it trusts, and where its links lead; OpenSSL looks for an authority
 * when it needs one. */
static const char *const trust[] = {"/etc/ssl",
                                    "/usr/lib/ssl",
                                    "/usr/share/ca-certificates",
                                    "/usr/local/share/ca-certificates",
                                    "/etc/ca-certificates",
                                    "/etc/pki",
                                    NULL};

static int keep_trust(struct sandbox *sandbox)
{
    const char *chosen = getenv("SSL_CERT_DIR");
    int result = chosen ? confine_keep_path(sandbox, chosen, SANDBOX_READ) : 0;
    return result == 0 ? keep_all(sandbox, trust) : result;
}

/* To say that we stop (sd_notify(3)), to whom descriptors go, and who is to be answered: the kernel
 * gives abstract names to those without one. */
static bool speaks_abstract(const struct server *s)
{
    const char *notify = getenv("NOTIFY_SOCKET");
    bool speaks = (notify && *notify == '@') || s->kind == LISTEN_HANDOFF;
    for (size_t i = 0; i < s->listeners.len; i++) {
        const struct target *t = &((const struct listener *)vec_at(&s->listeners, i))->target;
        speaks = speaks || (t->family == AF_UNIX && t->type == SOCK_DGRAM);
    }
    return speaks;
}

static int fill(struct sandbox *sandbox, const struct server *s)
{
    int result = s->kind == LISTEN_FORWARD ? keep_forward(sandbox, s) : 0;
    sandbox->speaks_abstract = sandbox->speaks_abstract || speaks_abstract(s);
    if (result == 0 && s->forward.reach.tls)
        result = keep_trust(sandbox);
    if (result == 0 && s->kind == LISTEN_SAVE)
        result = confine_keep(sandbox, s->save_dir, SANDBOX_READ | SANDBOX_CREATE);
    for (size_t i = 0; i < s->listeners.len && result == 0; i++)
        result = confine_keep_listener(sandbox, vec_at(&s->listeners, i));
    return result;
}

static bool runs_processes(const struct server *s)
{
    enum endpoint_scheme to = s->forward_to.scheme;
    return s->kind == LISTEN_EXEC ||
           (s->kind == LISTEN_FORWARD && (to == ENDPOINT_EXEC || to == ENDPOINT_PTY));
}

/* A process can be anything: it has the rights that we have. */
int listen_confine(struct server *s)
{
    struct sandbox sandbox = SANDBOX_INIT;
    int status = EXIT_NO;
    if (runs_processes(s))
        return confine(&s->a->confine, NULL, &s->events);
    if (fill(&sandbox, s) < 0)
        listen_fail(s, -ENOMEM);
    else
        status = confine(&s->a->confine, &sandbox, &s->events);
    sandbox_clear(&sandbox);
    return status;
}
