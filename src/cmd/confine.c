#include "cmd/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "cmd/flow_events.h"
#include "cmd/listeners.h"

/* Another user */

static int fail_user(const char *user, int error, const struct flow_events *events)
{
    struct err e;
    err_set(&e, error, "become", user,
            error == EPERM ? "only root, or CAP_SETUID and CAP_SETGID, may" : NULL);
    flow_events_err(events, EVENT_FAILED, &e);
    return error == EPERM ? EXIT_PERMISSION : EXIT_NO;
}

static int become(const char *user, const struct flow_events *events)
{
    struct err e;
    const struct passwd *p = getpwnam(user);
    if (!p) {
        err_word(&e, ENOENT, "become", user, "there is no such user");
        flow_events_err(events, EVENT_FAILED, &e);
        return EXIT_NO;
    }
    if (initgroups(user, p->pw_gid) < 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
        setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
        return fail_user(user, errno, events);
    return 0;
}

/* The sandbox */

static int enter(const struct sandbox *s, const struct flow_events *events)
{
    struct sandbox_done done;
    struct err e = {0};
    tzset(); /* the time zone's file is read while it can be */
    int result = sandbox_enter(s, &done, &e);
    if (result == -ENOENT || result == -ELIBACC) { /* no module */
        flow_events_note(events, "not confined: this berth has no sandbox (--no-sandbox to know)");
        return 0;
    }
    if (result < 0) {
        flow_events_err(events, EVENT_FAILED, &e);
        return EXIT_NO;
    }
    return 0;
}

int confine(const struct confine_arguments *a, const struct sandbox *s,
            const struct flow_events *events)
{
    int status = a->user ? become(a->user, events) : 0;
    if (status || a->open || !s)
        return status;
    return enter(s, events);
}

/* What stays */

static int keep(struct sandbox *s, int fd, unsigned rights)
{
    if (fd >= 0 && vec_add(&s->places, &(struct sandbox_place){.fd = fd, .rights = rights}) == 0)
        return 0;
    fd_close(&fd);
    return -ENOMEM;
}

int confine_keep(struct sandbox *s, int fd, unsigned rights)
{
    struct stat st;
    bool others = geteuid() == 0 && fstat(fd, &st) == 0 && st.st_uid != 0;
    s->reads_everybodys = s->reads_everybodys || others;
    s->writes_everybodys = s->writes_everybodys || (others && rights != SANDBOX_READ);
    return keep(s, fcntl(fd, F_DUPFD_CLOEXEC, 0), rights);
}

int confine_keep_path(struct sandbox *s, const char *path, unsigned rights)
{
    _cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? 0 : confine_keep(s, fd, rights);
}

/* To remove a file is a right of its folder. */
int confine_keep_listener(struct sandbox *s, const struct listener *l)
{
    struct sockaddr_un un;
    if (!l->unlinks || l->target.family != AF_UNIX)
        return 0;
    memcpy(&un, &l->target.address, sizeof un);
    un.sun_path[sizeof un.sun_path - 1] = '\0';
    char *slash = strrchr(un.sun_path, '/');
    if (slash)
        slash[slash == un.sun_path ? 1 : 0] = '\0';
    int fd = open(slash ? un.sun_path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? 0 : keep(s, fd, SANDBOX_REMOVE);
}
