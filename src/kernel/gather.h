/* One look at this host: sockets, interfaces, settings, namespaces and who looks, as facts. */
#pragma once
#include <stdint.h>

struct err;
struct facts;
struct source_query;
struct source_report;

/* Fills *f, which was made by facts_init, with what the query asks of the sockets, and the rest. Of
 * what may not be read a note is made in *report; sockets of which the filter can't tell are kept.
 * The namespace of SOURCE_ONE_NETNS is entered for the interfaces and settings too. 0 or a negative
 * errno with *e filled; *f is then to be cleared.
 */
int gather_facts(const struct source_query *q, struct facts *f, struct source_report *report,
                 struct err *e);

/* The same without the list of namespaces, which takes a walk through all processes. */
int gather_host_facts(const struct source_query *q, struct facts *f, struct source_report *report,
                      struct err *e);

/* The caller's effective capabilities, as a mask of 1 << CAP_…; 0 where they can't be had. */
uint64_t gather_capabilities(void);
