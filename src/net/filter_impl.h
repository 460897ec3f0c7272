/* What the parts of the filter share; no other module includes it.
 *
 * filter_lex.c makes tokens, filter_parse.c the tree of and, or, not; filter_term.c reads single
 * conditions by tables of words, with filter_host.c for addresses and ports and filter_value.c for
 * numbers and texts. filter_match.c and filter_needs.c ask the finished tree. Everything that a
 * filter owns lies in its arena, so that a half-built one is freed like a whole one.
 */
#pragma once
#include <regex.h>

#include "net/filter.h"

enum {
    FILTER_MAX_TEXT = 1 << 16,
    FILTER_MAX_NODES = 8192,
    FILTER_MAX_DEPTH = 64, /* of parentheses; operators in a row are balanced, not nested */
    FILTER_MAX_ADDRS = 32, /* of one host name */
    FILTER_MAX_REGEX = 256,
    FILTER_PORT_ANY = 65535, /* a range up to here has no upper end: vsock's ports are longer */
    /* Kinds that have IP addresses, and those with ports. */
    FILTER_KINDS_IP = 1 << NET_TCP | 1 << NET_UDP | 1 << NET_UDPLITE | 1 << NET_MPTCP |
                      1 << NET_SCTP | 1 << NET_DCCP | 1 << NET_RAW | 1 << NET_PING,
    FILTER_KINDS_PORT = FILTER_KINDS_IP | 1 << NET_VSOCK,
};

struct filter_block;
struct filter_regex {
    struct filter_regex *next;
    regex_t compiled;
};

/* The public node stands first. */
struct filter_node {
    struct net_filter_node node;
    const regex_t *regex;
};

struct net_filter {
    struct filter_block *blocks;
    struct filter_regex *regexes;
    const struct net_filter_node *root;
    size_t n_nodes;
    enum net_reach (*reach)(void *ctx, const struct net_socket *s);
    void *reach_ctx;
    uint64_t now_ns;
    uint16_t auto_first, auto_last;
    const char *slip, *slip_meant; /* see net_filter_slip; NULL: none */
};

enum filter_token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_RELATION,
    TOKEN_WORD
};

struct filter_token {
    enum filter_token_kind kind;
    enum net_filter_relation relation;
    bool negated;     /* !~ */
    bool quoted;      /* a word with quotes in it is no keyword */
    size_t at, len;   /* in the text of the filter */
    const char *text; /* of a word, without its quotes */
};

struct filter_parser {
    struct net_filter *filter;
    const struct net_filter_names *names; /* never NULL */
    const char *text;
    size_t len, next; /* next: where the token after `now` is looked for */
    struct filter_token now;
    unsigned depth;
    int error; /* 0, -EINVAL with *fault filled, -ENOMEM */
    struct net_filter_fault *fault;
};

typedef struct net_filter_node filter_tree;

/* filter_lex.c */
/* Replaces p->now by the token that follows. 0 or p->error. */
int filter_advance(struct filter_parser *p);
/* A sign, or a word like "eq". */
bool filter_is_relation(const struct filter_token *token);
/* Takes a relation if one stands here. */
bool filter_take_relation(struct filter_parser *p, struct filter_token *ret);

/* filter_parse.c: all return NULL once p->error is set. */
void *filter_alloc(struct filter_parser *p, size_t size);
const char *filter_text(struct filter_parser *p, const char *bytes, size_t n);
filter_tree *filter_node(struct filter_parser *p, enum net_filter_op op);
filter_tree *filter_pair(struct filter_parser *p, enum net_filter_op op, const filter_tree *left,
                         const filter_tree *right);
filter_tree *filter_not(struct filter_parser *p, const filter_tree *operand);
/* One tree of n operands, log2(n) deep. */
const filter_tree *filter_balance(struct filter_parser *p, enum net_filter_op op,
                                  const filter_tree *const *operands, size_t n);

/* filter_term.c: one condition, beginning at p->now, which is a word. */
const filter_tree *filter_term(struct filter_parser *p);
/* True for a word that begins a STATE-FILTER of ss: state, exclude. */
bool filter_begins_states(const struct filter_token *word);

/* What a word says of kinds and families. */
struct filter_what {
    uint32_t kinds, families;
    bool family; /* a word for an address family, not for a protocol */
};

/* filter_host.c */
/* One address as it stands in the filter. */
struct filter_spec {
    const struct filter_token *word;
    enum net_filter_end end;
    bool has_what;
    struct filter_what what;
    const char *rest; /* behind the family's colon */
};
bool filter_is_any(const char *text); /* "", "*" */
/* "", "*", "22", "0x16", "ssh", "8000-8100"; text lies in the word's. False: a fault is set. */
bool filter_read_port(struct filter_parser *p, const struct filter_spec *spec, const char *text,
                      uint32_t *ret_first, uint32_t *ret_last);
const filter_tree *filter_what_node(struct filter_parser *p, const struct filter_what *what);
filter_tree *filter_host_node(struct filter_parser *p, enum net_filter_end end, uint32_t first,
                              uint32_t last);
/* The condition, or NULL for none, and the kinds that it belongs to. */
const filter_tree *filter_within(struct filter_parser *p, const struct filter_what *what,
                                 const filter_tree *condition);
/* filter_family.c: addresses that aren't IP's, behind the family's colon. */
const filter_tree *filter_path(struct filter_parser *p, const struct filter_spec *spec);
const filter_tree *filter_by_protocol(struct filter_parser *p, const struct filter_spec *spec);
const filter_tree *filter_vsock(struct filter_parser *p, const struct filter_spec *spec);
/* HOST after src, dst or alone. */
const filter_tree *filter_host(struct filter_parser *p, enum net_filter_end end,
                               const struct filter_token *word);
/* [FAMILY:]:PORT after sport and dport, with its relation. */
const filter_tree *filter_port(struct filter_parser *p, enum net_filter_end end,
                               enum net_filter_relation relation, const struct filter_token *word);
/* "443/tcp", "53/udp6"; sets *ret_is where the word has this form. */
const filter_tree *filter_port_of_protocol(struct filter_parser *p, const struct filter_token *word,
                                           bool *ret_is);
/* True for a word that is an address, a port, a range or has a colon: no process name. */
bool filter_looks_like_host(const char *text);

/* filter_words.c: what words mean. */
/* "tcp4", "unix", "inet6" …, n bytes. */
bool filter_find_what(const char *word, size_t n, struct filter_what *ret);
/* A state or a group of states, in ss's, the kernel's or any mixed spelling. The groups that are
 * common words (all, big, bucket) only where in_clause. */
bool filter_find_states(const char *word, bool in_clause, uint32_t *ret_states);
/* A class of reach, as its column has it or as the sentence begins: "all", "every-interface". */
bool filter_find_reach(const char *word, uint32_t *ret_reaches);
/* The word that was meant, among those considered. */
struct filter_nearest {
    const char *written, *meant; /* NULL: none differs only by a slip of the fingers */
    unsigned distance;
};
void filter_consider(struct filter_nearest *nearest, const char *word);
void filter_consider_states(struct filter_nearest *nearest);
void filter_consider_whats(struct filter_nearest *nearest);
void filter_consider_reaches(struct filter_nearest *nearest);
bool filter_same_word(const char *a, const char *b); /* case and '-' or '_' don't count */

/* filter_value.c */
const filter_tree *filter_field(struct filter_parser *p, enum net_field field,
                                const struct filter_token *name);
const filter_tree *filter_owner(struct filter_parser *p, enum net_filter_owner_key key,
                                const struct filter_token *name);
/* key = number or key = text, made without words. */
const filter_tree *filter_owner_is(struct filter_parser *p, enum net_filter_owner_key key,
                                   uint64_t number, const char *text);
/* The word that must stand here; false and a fault if none does. */
bool filter_take_value(struct filter_parser *p, const struct filter_token *of,
                       struct filter_token *ret);
const filter_tree *filter_user(struct filter_parser *p, const struct filter_token *word,
                               const char *name);

/* filter_fault.c */
/* Both set p->error and return NULL. */
void *filter_fault(struct filter_parser *p, const struct filter_token *where, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));
/* The caret goes under a part of the word, n bytes of where->text from `part` on. */
void *filter_fault_part(struct filter_parser *p, const struct filter_token *where, const char *part,
                        size_t n, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A user's word cut for a message; what prints the message makes it safe. */
struct filter_quote {
    char text[64];
};
struct filter_quote filter_quote(const char *word);
