/* What a `berth listen` still needs once it is open: next to nothing, for most modes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/fd.h"
#include "cmd/listen.h"

static bool is_abstract(const struct target *t)
{
    return t->family == AF_UNIX && ((const struct sockaddr_un *)&t->address)->sun_path[0] == '\0';
}

static int keep_forward(struct sandbox *sandbox, const struct server *s)
{
    int result = 0;
    for (size_t i = 0; i < s->forward.len && result == 0; i++) {
        const struct target *t = vec_at(&s->forward, i);
        struct net_addr a;
        uint16_t port;
        sandbox->speaks_abstract = sandbox->speaks_abstract || is_abstract(t);
        if (target_get_ip(&t->address, &a, &port))
            result = vec_add(&sandbox->ports, &port);
    }
    return result;
}

/* Where a system keeps whom it trusts, and where its links lead; OpenSSL looks for an authority
 * when it needs one. */
static const char *const trust[] = {"/etc/ssl",
                                    "/usr/lib/ssl",
                                    "/usr/share/ca-certificates",
                                    "/usr/local/share/ca-certificates",
                                    "/etc/ca-certificates",
                                    "/etc/pki"};

static int keep_trusted(struct sandbox *sandbox, const char *path)
{
    _cleanup_fd_ int fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    return fd < 0 ? 0 : confine_keep_folder(sandbox, fd, false);
}

static int keep_trust(struct sandbox *sandbox)
{
    int result = keep_trusted(sandbox, getenv("SSL_CERT_DIR"));
    for (size_t i = 0; i < sizeof trust / sizeof *trust && result == 0; i++)
        result = keep_trusted(sandbox, trust[i]);
    return result;
}

/* To say that we stop (sd_notify(3)), and to whom descriptors go. */
static bool speaks_abstract(const struct server *s)
{
    const char *notify = getenv("NOTIFY_SOCKET");
    return (notify && *notify == '@') || s->kind == LISTEN_HANDOFF;
}

static int fill(struct sandbox *sandbox, const struct server *s)
{
    int result = keep_forward(sandbox, s);
    sandbox->speaks_abstract = sandbox->speaks_abstract || speaks_abstract(s);
    if (result == 0 && s->forward_tls)
        result = keep_trust(sandbox);
    if (result == 0 && s->kind == LISTEN_SAVE)
        result = confine_keep_folder(sandbox, s->save_dir, true);
    for (size_t i = 0; i < s->listeners.len && result == 0; i++)
        result = confine_keep_listener(sandbox, vec_at(&s->listeners, i));
    return result;
}

/* A process can be anything: it has the rights that we have. */
int listen_confine(struct server *s)
{
    struct sandbox sandbox = SANDBOX_INIT;
    int status = EXIT_NO;
    if (s->kind == LISTEN_EXEC)
        return confine(&s->a->confine, NULL, s->events.quiet);
    if (fill(&sandbox, s) < 0)
        err_tell("cannot listen: out of memory");
    else
        status = confine(&s->a->confine, &sandbox, s->events.quiet);
    sandbox_clear(&sandbox);
    return status;
}
