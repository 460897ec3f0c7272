/* Privileges given up on the command line: --user, --no-sandbox, and what a command still needs.
 *
 * A command puts a struct confine_arguments named `confine` into its arguments, the rows into its
 * option table, and calls confine once all is open and before it starts a thread or serves anybody.
 */
#pragma once
#include <stdbool.h>

#include "cli/command.h"
#include "flow/sandbox.h"

struct flow_events;
struct listener;

struct confine_arguments {
    const char *user;
    bool open; /* no sandbox */
};

#define CONFINE_OPTIONS(arguments)                   \
    {.name = "user",                                 \
     .type = OPTION_TEXT,                            \
     .field = offsetof(arguments, confine.user),     \
     .metavar = "USER",                              \
     .completes = "user",                            \
     .group = "Privileges",                          \
     .help = "become this user once all is open"},   \
        {.name = "no-sandbox",                       \
         .field = offsetof(arguments, confine.open), \
         .help = "give up no capabilities, files and system calls"},

/* Becomes the user, then enters the sandbox; a NULL one: there is none for this use. What couldn't
 * be had is told and is no failure. 0, or an exit status after a message. */
int confine(const struct confine_arguments *a, const struct sandbox *s,
            const struct flow_events *events);

/* A file, or a folder with all below it (fd stays the caller's), that stays open to some of enum
 * sandbox_right. Where it's somebody else's and we are root, root's right to get at it stays. 0 or
 * -ENOMEM. */
int confine_keep(struct sandbox *s, int fd, unsigned rights);
/* The same by its path; nothing where it isn't there. */
int confine_keep_path(struct sandbox *s, const char *path, unsigned rights);
/* The paths of UNIX listeners, which are removed at the end. 0 or -ENOMEM. */
int confine_keep_listener(struct sandbox *s, const struct listener *l);
