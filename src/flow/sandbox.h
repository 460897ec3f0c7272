/* Privileges given up, once everything is open: what the rest of the program's life doesn't need is
 * refused by the kernel from then on, whatever a peer may talk the program into.
 *
 * Capabilities go (capabilities(7)), no execve gives new ones (PR_SET_NO_NEW_PRIVS), Landlock
 * leaves only the files and TCP ports that are named, and seccomp refuses calls that nothing here
 * makes (execve, ptrace, mount, bpf …) with EPERM. What this kernel hasn't got is left out, and
 * told to the caller. The libraries for it come as a module (flow/module.h).
 *
 * It holds for the calling thread and those that it starts: so it comes before any other thread.
 * There is no way back.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

struct err;

enum sandbox_right {
    SANDBOX_READ = 1 << 0,   /* files, and what folders hold */
    SANDBOX_WRITE = 1 << 1,  /* files that are there */
    SANDBOX_CREATE = 1 << 2, /* make, write, rename and remove files and folders */
    SANDBOX_REMOVE = 1 << 3, /* remove files: a socket's path */
    SANDBOX_DEVICE = 1 << 4, /* what is more to a device than reading and writing: ioctl(2) */
};

/* A file, or a folder with all below it. */
struct sandbox_place {
    const char *path; /* NULL: fd */
    int fd;           /* owned by the sandbox; O_PATH will do */
    unsigned rights;
};

struct sandbox {
    struct vec places;      /* struct sandbox_place; /dev/null is always there */
    struct vec ports;       /* uint16_t: TCP ports that may be connected to */
    bool speaks_abstract;   /* to UNIX sockets with abstract names, of other programs */
    bool reads_everybodys;  /* CAP_DAC_READ_SEARCH stays, if it is there */
    bool writes_everybodys; /* CAP_DAC_OVERRIDE stays, if it is there */
};

#define SANDBOX_INIT                                                          \
    (struct sandbox)                                                          \
    {                                                                         \
        .places = VEC_INIT(struct sandbox_place), .ports = VEC_INIT(uint16_t) \
    }

/* What took effect. Capabilities and no_new_privs always do. */
struct sandbox_done {
    int landlock; /* the ABI that was used; 0: not in this kernel */
    bool seccomp;
};

/* 0, or a negative errno with *e filled; then some of it may have taken effect. */
int sandbox_enter(const struct sandbox *s, struct sandbox_done *ret, struct err *e);
/* Closes the places' descriptors. */
void sandbox_clear(struct sandbox *s);
