/* Ends of a conversation that aren't sockets, as streams: files, processes, terminals of their own,
 * serial lines, descriptors from elsewhere, standard input and output.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "flow/child.h"
#include "flow/stream.h"
#include "flow/terminal.h"
#include "net/endpoint.h"

struct err;

enum end_role { END_SOURCE, END_SINK };

struct end_how {
    enum end_role role;         /* what a file is where its words don't say */
    char *const *environment;   /* of a process; NULL: ours */
    const struct winsize *size; /* of a terminal made here; NULL: unknown */
};

struct end {
    /* Set by the owner. A process has ended: e->child.status is as of wait(2). May be NULL. */
    void (*exited)(struct loop *l, struct end *e);
    void *owner;

    /* of ends*.c */
    struct child child;
    struct terminal_mode mode; /* of a serial line */
    char last;                 /* what a terminal was told last */
};

/* Whether this is such an end. */
bool end_is_for(enum endpoint_scheme scheme);

/* Whether it could be opened now, as far as that can be told without doing it: there is such a file
 * or line that may be read or written, such a command, such a descriptor. 0, or a negative errno
 * with *err filled. */
int end_check(const struct endpoint *ep, enum end_role role, struct err *err);
/* The path of a file, and how it is opened: open(2). 0 or -ENAMETOOLONG. */
int end_file_path(const struct endpoint *ep, enum end_role role, char path[PATH_MAX],
                  int *ret_flags);
/* Opens it. The words behind a file's path are `read`, `write` (made, and emptied) or `append`; a
 * process's command is looked for in PATH. *e stays where it is, until end_close. 0, or a negative
 * errno with *err filled. */
int end_open(struct loop *l, struct end *e, struct stream *ret, const struct endpoint *ep,
             const struct end_how *how, struct err *err);
/* After the stream is closed: settings are as before, a process isn't waited for any more. A zeroed
 * end is closed already. */
void end_close(struct loop *l, struct end *e);
/* A terminal made here has another size. */
void end_resize(struct stream *s, const struct winsize *size);

/* of ends.c, for the others */
int end_open_process(struct loop *l, struct end *e, struct stream *ret, const struct endpoint *ep,
                     const struct end_how *how, struct err *err);
int end_check_process(const struct endpoint *ep, struct err *err);
int end_check_serial(const struct endpoint *ep, struct err *err);
int end_open_serial(struct end *e, struct stream *ret, const struct endpoint *ep, struct err *err);
