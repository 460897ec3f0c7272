/* lsof, as Debian's 4.95 speaks it: the words of its command line, the sockets that they select,
 * and its three ways to print them.
 *
 * Private to the files lsof*.c. Words (lsof_words.c, lsof_address.c) fill struct lsof_words; the
 * sockets of this host, put under the processes that hold them, become struct lsof_process
 * (lsof_read.c); lsof_select.c marks those that are meant; lsof_table.c, lsof_fields.c and
 * lsof_json.c print what is marked, by the texts of lsof_text.c.
 */
#pragma once
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/vec.h"
#include "kernel/source.h"
#include "names/users.h"
#include "net/addr.h"
#include "net/socket.h"

struct reverse;

/* A number that was asked for, or excluded by ^. */
struct lsof_number {
    int64_t value;
    bool exclude, found;
};

struct lsof_command_term {
    const char *text; /* without ^ or slashes */
    size_t n;
    regex_t regex;
    bool is_regex, exclude, found;
};

/* [46][protocol][@host][:ports] */
struct lsof_ports {
    uint32_t first, last, kinds;
};
struct lsof_address {
    const char *text;
    uint32_t kinds;   /* mask of 1 << enum net_kind */
    int family;       /* AF_UNSPEC, AF_INET, AF_INET6 */
    struct vec hosts; /* struct net_addr; none: any */
    struct vec ports; /* struct lsof_ports; none: any */
    bool found;
};

struct lsof_fds {
    int64_t first, last; /* -1: a name, that no socket has */
};

struct lsof_path {
    const char *path;
    bool found, refused; /* told already */
};

struct lsof_state {
    enum net_state state;
    bool exclude, found;
};

enum lsof_endpoints { LSOF_NO_ENDPOINTS, LSOF_SHOW_ENDPOINTS, LSOF_LIST_ENDPOINTS };
enum lsof_output { LSOF_TABLE, LSOF_FIELDS, LSOF_TERSE, LSOF_JSON, LSOF_JSON_LINES };

/* The letters of -T. */
enum {
    LSOF_INFO_STATE = 1 << 0,
    LSOF_INFO_QUEUES = 1 << 1,
    LSOF_INFO_OPTIONS = 1 << 2,
    LSOF_INFO_WINDOWS = 1 << 3,
};

struct lsof_words {
    struct vec pids, groups, uids; /* struct lsof_number */
    struct vec commands;           /* struct lsof_command_term, in the order of lsof_lists.c */
    struct vec addresses;          /* struct lsof_address */
    struct vec states;             /* struct lsof_state */
    struct vec fds;                /* struct lsof_fds */
    struct vec names;              /* struct lsof_path */
    bool fds_given, fds_exclude;
    bool net, net_found; /* -i without an address … */
    int net_family;      /* … or with 4 or 6 alone */
    bool unix_sockets;   /* -U */
    bool nfs;            /* -N: nothing that is a socket */
    bool and;            /* -a */
    enum lsof_endpoints endpoints;

    bool numeric_hosts, numeric_ports, numeric_users;
    bool show_parent, show_group, show_links, offset, size;
    char show_flags; /* 0, 'g' names, 'G' numbers */
    unsigned info;   /* 0: -T alone */
    unsigned command_width;

    unsigned asked;          /* 1 << enum lsof_output, of the options that were given … */
    enum lsof_output output; /* … and the one that counts */
    char fields[64];         /* the letters of -F */
    bool all_fields;         /* … as -F alone, or -F0 */
    bool nul;                /* -F…0 */
    bool verbose, quiet_search, no_warnings;

    bool repeat, repeat_until_none;
    unsigned repeat_s, repeat_count; /* count 0: without end */
    bool repeat_counted;             /* there was a count, and no marker in its word */
    const char *marker;              /* strftime's format; NULL the usual one */

    bool help, version, fields_help;
};

/* Messages go to stderr, then the usage where there was a fault. 0, or 1: the exit status. Always
 * to be cleared. */
int lsof_words_read(struct lsof_words *w, int n, char **words);
void lsof_words_clear(struct lsof_words *w);
/* One value of -i, which isn't empty; false after a message. */
bool lsof_address_read(struct lsof_words *w, const char *text);
bool lsof_states_read(struct lsof_words *w, const char *text);
/* Whether nothing is both asked for and excluded; messages. */
bool lsof_states_agree(const struct lsof_words *w);
bool lsof_commands_agree(const struct lsof_words *w);
/* A list separated by commas; the value of -c; that of +c, which begins with a digit. */
enum lsof_list { LSOF_PID_LIST, LSOF_GROUP_LIST, LSOF_USER_LIST, LSOF_FD_LIST };
bool lsof_list_read(struct lsof_words *w, const char *list, enum lsof_list what);
bool lsof_command_read(struct lsof_words *w, const char *value);
bool lsof_width_read(struct lsof_words *w, const char *value);
/* Values that say what is shown, and how often: -F (NULL: alone), -T (NULL: alone), +f, -r. */
bool lsof_fields_read(struct lsof_words *w, const char *value);
bool lsof_info_read(struct lsof_words *w, char sign, const char *value);
bool lsof_flags_read(struct lsof_words *w, char sign, const char *value);
void lsof_repeat_read(struct lsof_words *w, char sign, const char *value);
/* How much of a word is -r's value; the rest are letters again. */
size_t lsof_repeat_length(const char *value);
/* Settles the output from what was asked for; false after messages, where that contradicts itself.
 */
bool lsof_output_settle(struct lsof_words *w);
/* "lsof: …\n" on stderr; false. */
bool lsof_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether any process, or any file, is asked for. */
bool lsof_selects_processes(const struct lsof_words *w);
bool lsof_selects_files(const struct lsof_words *w);

/* A socket of a process. What kind of file lsof takes it for depends on what its own sources know.
 */
enum lsof_kind { LSOF_INET, LSOF_UNIX, LSOF_NETLINK, LSOF_RAW, LSOF_PACKET, LSOF_SOCK };
struct lsof_file {
    const struct net_socket *socket;
    int32_t pid, fd;
    enum lsof_kind kind;
    uint32_t flags;  /* open(2) */
    char access;     /* r, w, u */
    uint64_t number; /* of UNIX sockets, type of packet sockets: kernel/descriptor.h */
    uint64_t peer;   /* of UNIX sockets: the inode of the other end; of a datagram server the last
                        of its clients, of a listener, with -E, the first that waits; 0 none */
    bool selected, end; /* by the words, or as the far end of one that is */
    char protocol[24];  /* LSOF_SOCK */
};
struct lsof_process {
    int32_t pid, parent, group;
    uint32_t uid;
    char comm[17];
    struct lsof_file *files;
    size_t n_files;
    bool selected; /* has a selected file */
};

struct lsof_host {
    struct vec sockets;   /* struct net_socket, copies */
    struct vec files;     /* struct lsof_file, by process and number */
    struct vec processes; /* struct lsof_process, by number */
    struct hash numbers;  /* see lsof_file, by inode */
    struct source_report report;
    struct users users;
    struct reverse *reverse; /* NULL: numbers only */
    uint64_t netns, sockfs;
};

/* 0, or -errno after a message. Always to be cleared. */
int lsof_host_read(struct lsof_host *h, const struct lsof_words *w);
void lsof_host_clear(struct lsof_host *h);
/* Looks up what the selected files' names need. */
void lsof_host_look_up(struct lsof_host *h, const struct lsof_words *w);

/* Whether `f` is the other end of `of`. lsof tells it of connections that are established. */
bool lsof_is_end(const struct lsof_file *f, const struct lsof_file *of);
void lsof_select(struct lsof_host *h, struct lsof_words *w);
/* Tells (with -V, on stdout) what wasn't found; whether there is such. */
bool lsof_not_found(struct lsof_words *w, struct buf *out);

/* Texts of a file and its process. */
struct lsof_view {
    struct lsof_host *host;
    const struct lsof_words *words;
};
const char *lsof_type(const struct lsof_file *f);
void lsof_device(struct buf *out, const struct lsof_view *v, const struct lsof_file *f);
void lsof_node(struct buf *out, const struct lsof_file *f);
bool lsof_has_inode(const struct lsof_file *f);
void lsof_flags(struct buf *out, const struct lsof_file *f, char how);
void lsof_user(struct buf *out, const struct lsof_view *v, const struct lsof_process *p);
/* NULL where the user has none (which is told), or numbers are asked for. */
const char *lsof_login(const struct lsof_view *v, const struct lsof_process *p);
void lsof_name(struct buf *out, const struct lsof_view *v, const struct lsof_file *f);
/* What -T asks for: calls `item` for each. */
enum lsof_item {
    LSOF_ITEM_STATE,
    LSOF_ITEM_RECV_QUEUE,
    LSOF_ITEM_SEND_QUEUE,
    LSOF_ITEM_SOCKET_OPTIONS,
    LSOF_ITEM_SOCKET_STATES,
    LSOF_ITEM_TCP_FLAGS,
    LSOF_ITEM_READ_WINDOW,
    LSOF_ITEM_WRITE_WINDOW,
};
/* As fields have them: "ST=", "QR=". */
const char *lsof_item_prefix(enum lsof_item item);
void lsof_info(const struct lsof_view *v, const struct lsof_file *f,
               void (*item)(void *ctx, enum lsof_item item, const char *value), void *ctx);
/* Whether there is something for -T to tell of: TCP, UDP, UNIX. */
bool lsof_has_info(const struct lsof_file *f);
/* As lsof shows bytes that can't be printed; blanks too with `blanks`. */
void lsof_printable(struct buf *out, const char *bytes, size_t n, bool blanks);

void lsof_print_table(struct buf *out, const struct lsof_view *v);
void lsof_print_fields(struct buf *out, const struct lsof_view *v);
void lsof_print_json(struct buf *out, const struct lsof_view *v);
/* Whether a letter of -F is asked for. */
bool lsof_wants_field(const struct lsof_words *w, char letter);

void lsof_usage(void);
void lsof_help(void);
void lsof_fields_help(void);
void lsof_version(void);
