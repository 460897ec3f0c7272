/* Which way to the rows costs least on this host: from a few numbers that the kernel keeps, each
 * read in some 20 µs. A wrong guess costs time, never rows.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Whether this network namespace has so many TCP sockets that a walk by BPF, program loaded and
 * all, is less work than a dump by sock_diag. */
bool choice_many_sockets(void);
/* Whether so few files are open on this host that looking at every descriptor by /proc is less work
 * than loading a program that does. */
bool choice_few_files(void);
/* Whether the tables' n TCP sockets, of every namespace, are all that the kernel has: then none is
 * merely bound, or new. */
bool choice_is_all_tcp(uint64_t n);
/* Whether there are enough sockets of TCP or of UDP to take up n ports. */
bool choice_may_exhaust(uint32_t n);
