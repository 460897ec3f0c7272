#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/words.h"
#include "flow/ends.h"

static void child_ended(struct loop *l, struct child *c)
{
    struct end *e = (struct end *)((char *)c - offsetof(struct end, child));
    if (e->exited)
        e->exited(l, e);
}

/* A command, found and cut into words. */
struct command_found {
    char *path, **argv;
};

static void release(struct command_found *f)
{
    free(f->path);
    free(f->argv);
}

static int find(const struct endpoint *ep, struct command_found *ret, struct err *err)
{
    int result = words_split(ep->text, &ret->argv);
    if (result < 0)
        return err_set(err, -result, "run", ep->text,
                       result == -EINVAL ? "a quote isn't closed, or there are no words" : NULL);
    result = child_find(ret->argv[0], &ret->path);
    if (result == -ENOENT && !strchr(ret->argv[0], '/'))
        return err_set(err, ENOENT, "run", ret->argv[0],
                       "PATH has no such command; a shell's own words need exec:sh -c '…'");
    return result < 0 ? err_set(err, -result, "run", ret->argv[0], NULL) : 0;
}

int end_check_process(const struct endpoint *ep, struct err *err)
{
    struct command_found f = {0};
    int result = find(ep, &f, err);
    release(&f);
    return result;
}

static int fail(struct err *err, int error, const struct command_found *f)
{
    return err_set(err, error, "run", f->path, NULL);
}

static char *const *environment_of(const struct end_how *how)
{
    return how->environment ? how->environment : environ;
}

/* On two pipes, so that each direction ends on its own. */
static int start_on_pipes(struct loop *l, struct end *e, struct stream *ret,
                          const struct command_found *f, const struct end_how *how, struct err *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
        int error = errno;
        fd_close(&in[0]);
        fd_close(&in[1]);
        return fail(err, error, f);
    }
    int result = child_start(l, &e->child, f->path, f->argv, environment_of(how), in[0], out[1]);
    fd_close(&in[0]);
    fd_close(&out[1]);
    if (result == 0) {
        stream_init_own(ret, out[0], in[1]);
        return 0;
    }
    fd_close(&in[1]);
    fd_close(&out[0]);
    return fail(err, -result, f);
}

/* A terminal: the end of what is said to it is a character (VEOF, termios(3)), which ends a line
 * that was begun, and is an end only behind that. */

static ssize_t terminal_read(struct stream *s, void *to, size_t n)
{
    return stream_plain.read(s, to, n);
}

static ssize_t terminal_write(struct stream *s, const void *from, size_t n, bool more)
{
    struct end *e = s->above;
    ssize_t put = stream_plain.write(s, from, n, more);
    if (put > 0)
        e->last = ((const char *)from)[put - 1];
    return put;
}

static int terminal_finish(struct stream *s)
{
    struct end *e = s->above;
    struct termios t;
    if (tcgetattr(s->out, &t) < 0)
        return -errno;
    char ends[2] = {(char)t.c_cc[VEOF], (char)t.c_cc[VEOF]};
    size_t n = e->last == '\n' || e->last == '\0' ? 1 : 2;
    return write(s->out, ends, n) < 0 ? -errno : 0;
}

static const struct stream_ops terminal_ops = {
    .read = terminal_read, .write = terminal_write, .finish = terminal_finish};

static int start_on_terminal(struct loop *l, struct end *e, struct stream *ret,
                             const struct command_found *f, const struct end_how *how,
                             struct err *err)
{
    char name[64];
    _cleanup_fd_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
        ptsname_r(master, name, sizeof name) != 0)
        return err_set(err, errno, "make a terminal for", f->path, NULL);
    if (how->size)
        ioctl(master, TIOCSWINSZ, how->size);
    int result = child_start_on_terminal(l, &e->child, f->path, f->argv, environment_of(how), name);
    if (result < 0)
        return fail(err, -result, f);
    stream_init_own(ret, master, master);
    ret->ops = &terminal_ops;
    ret->above = e;
    fd_take(&master);
    return 0;
}

int end_open_process(struct loop *l, struct end *e, struct stream *ret, const struct endpoint *ep,
                     const struct end_how *how, struct err *err)
{
    struct command_found f = {0};
    int result = find(ep, &f, err);
    e->child = (struct child){.ended = child_ended};
    if (result == 0)
        result = ep->scheme == ENDPOINT_PTY ? start_on_terminal(l, e, ret, &f, how, err)
                                            : start_on_pipes(l, e, ret, &f, how, err);
    release(&f);
    return result;
}

void end_resize(struct stream *s, const struct winsize *size)
{
    if (s->ops == &terminal_ops && s->in >= 0)
        ioctl(s->in, TIOCSWINSZ, size);
}
