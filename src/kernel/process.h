/* What /proc tells of one process.
 *
 * Knows the texts in /proc/PID and their traps: a comm may hold parentheses, blanks and newlines, a
 * command line may be empty, long, or rewritten by its process. A process may end at any moment and
 * its number be given to another: every later look compares the start time with the first one, and
 * never mixes two processes in one value.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/vec.h"
#include "net/socket.h"

struct buf;
struct source_query;

enum { PROCESS_CMDLINE_MAX = 64 << 10 }; /* bytes that are kept of a command line */

struct process_stat {
    char comm[16 + 1];
    char state; /* R, S, D, Z … proc_pid_stat(5) */
    int32_t ppid;
    uint32_t threads;
    uint64_t start_ticks; /* since boot */
};

/* Parsers of the files' texts; outputs change only on success; -EINVAL. */
int process_parse_stat(const char *bytes, size_t n, struct process_stat *ret);
/* The words, joined by blanks; the NULs at the end are dropped. */
void process_parse_cmdline(const char *bytes, size_t n, struct buf *out);
/* The path in the unified hierarchy, else in systemd's, else in any other. */
int process_parse_cgroup(const char *bytes, size_t n, const char **ret, size_t *ret_len);

/* Reads pid, ppid, effective uid, start and comm of the process behind an open /proc/PID.
 * 0 or a negative errno (-ESRCH, -ENOENT: it ended). */
int process_read(int dirfd, int32_t pid, struct net_process *ret);
/* Whether two starts of one pid are the same process's: BPF tells a start to the nanosecond, /proc
 * to the tick, rounded down. */
bool process_is_same_start(uint64_t a_ns, uint64_t b_ns);
/* A start to the nanosecond as /proc would tell it, so that every way tells the same. */
uint64_t process_round_start(uint64_t ns);
/* Adds what `detail` (SOURCE_CMDLINE, SOURCE_PROCESS) asks for, as far as it may be seen, if the
 * process still lives; the texts are owned by *p. 0, -ESRCH when it ended, -ENOMEM. */
int process_read_details(struct net_process *p, uint32_t detail);
/* Appends the first word of its command line, which it may have rewritten to any bytes; nothing for
 * a kernel thread. 0 or a negative errno. */
int process_read_title(int32_t pid, struct buf *out);
/* Whether the number still means the process that was read. */
bool process_is_alive(const struct net_process *p);
/* Releases the texts. */
void process_clear(struct net_process *p);

/* Processes met so far, each read once; they stay where they are until the end. */
struct process_cache {
    const struct source_query *query; /* detail and user_name are used */
    struct hash by_pid;               /* index + 1 in all */
    struct vec all;                   /* struct process_entry * */
};

void process_cache_init(struct process_cache *c, const struct source_query *q);
void process_cache_clear(struct process_cache *c);
/* By pid from /proc; -ESRCH when there is none such. The details that the cache is for are read
 * too. */
int process_cache_get(struct process_cache *c, int32_t pid, const struct net_process **ret);
/* Adds one whose pid, ppid, uid, start and comm are known from elsewhere (no texts), its details
 * unread. A second one of the same pid and start is the first again; of another start it is the
 * later process, and replaces the former for lookups. 0 or -ENOMEM. */
int process_cache_add(struct process_cache *c, const struct net_process *p, size_t *ret_index);
/* The one at an index, with its details, which are read at the first call. */
const struct net_process *process_cache_at(struct process_cache *c, size_t index);
