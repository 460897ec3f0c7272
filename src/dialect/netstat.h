/* What the files of the tongue netstat share. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

struct buf;
struct out;
struct reverse;

/* The command line of netstat(8). */
struct netstat_options {
    bool route, interfaces, groups, statistics, masquerade;
    bool tcp, udp, udplite, sctp, raw, unix_sockets;
    bool inet, inet6; /* families that were named */
    bool all, listening, programs, timers, wide, continuous, fib, cache, context, verbose;
    bool number_hosts, number_ports, number_users;
    unsigned absent; /* named families that no kernel of today has: netstat_families.c's bits */
    int extend;
    int tables;        /* how often one of -r, -i, -s and -M was given */
    char families[64]; /* as the messages list them: "inet,inet6" */
};

/* Each prints one table, and returns an exit status. */
int netstat_sockets(const struct netstat_options *o, struct out *out);
int netstat_routes(const struct netstat_options *o, struct out *out);
int netstat_groups(const struct netstat_options *o, struct out *out);
int netstat_statistics(const struct netstat_options *o, struct out *out);

/* Families that the command line names, with commas between, are noted. 0, or an exit status after
 * a message. Bluetooth's are named by options of their own, too. */
int netstat_take_families(struct netstat_options *o, const char *list);
void netstat_take_bluetooth(struct netstat_options *o);
/* Tells of the first of those that were named and aren't here. */
void netstat_refuse_sockets(const struct netstat_options *o);
/* Tells of all that aren't here. */
void netstat_tell_absent(void);
/* Tells that a family other than IP's has no routes; an exit status. */
int netstat_refuse_routes(const char *family, struct out *out);

/* Bytes that others chose, without what a terminal would obey: control characters and their like as
 * \xNN. Everything else stays. */
void netstat_text(struct buf *out, const char *bytes, size_t n);

/* The same of a name, for columns: cut where it doesn't fit. Returns `to`. */
enum { NETSTAT_NAME = 128 };
const char *netstat_name(char to[static NETSTAT_NAME], const char *name);

/* Digits, maybe behind a minus. */
bool netstat_is_number(const char *word);

/* A file of /proc/net, in this thread's namespace, into an emptied *ret. 0 or a negative errno. */
int netstat_file(const char *name, struct buf *ret);
/* The lines and words of such a text. The line is cut out of *text, which moves on; false at its
 * end. Words are cut at blanks and tabs; at most `max`; their number. */
bool netstat_line(char **text, char **ret);
size_t netstat_words(char *line, char **words, size_t max);
