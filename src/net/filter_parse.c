/* The tree of a filter: or, and, not, parentheses.
 *
 *   filter  := [ states ] [ or ]         a STATE-FILTER in front holds for all that follows
 *   or      := and { ( "or" | "|" | "||" ) and }
 *   and     := not { [ "and" | "&" | "&&" ] not }
 *   not     := { "not" | "!" } ( "(" or ")" | condition )
 *
 * That is the grammar of ss(8). (ss 6.1 itself reads `or` and `and` from left to right with one
 * rank, against its manual; we follow the manual.) Text and nesting are bounded, operators in a row
 * make a balanced tree, so that no expression is deeper than the stack.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "net/filter_impl.h"

enum { BLOCK_SIZE = 4096, DEFAULT_AUTO_FIRST = 32768, DEFAULT_AUTO_LAST = 60999 };

struct filter_block {
    struct filter_block *next;
    size_t used, size;
    max_align_t data[];
};

void *filter_alloc(struct filter_parser *p, size_t size)
{
    struct net_filter *f = p->filter;
    struct filter_block *block = f->blocks;
    if (p->error)
        return NULL;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!block || block->size - block->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = calloc(1, sizeof *block + room);
        if (!block) {
            p->error = -ENOMEM;
            return NULL;
        }
        block->size = room;
        block->next = f->blocks;
        f->blocks = block;
    }
    void *at = (char *)block->data + block->used;
    block->used += size;
    return at;
}

const char *filter_text(struct filter_parser *p, const char *bytes, size_t n)
{
    char *text = filter_alloc(p, n + 1);
    return text ? memcpy(text, bytes, n) : NULL; /* the arena is zeroed */
}

filter_tree *filter_node(struct filter_parser *p, enum net_filter_op op)
{
    if (!p->error && p->filter->n_nodes >= FILTER_MAX_NODES)
        return filter_fault(p, &p->now, "this filter has too many conditions (the limit is %d)",
                            FILTER_MAX_NODES);
    struct filter_node *n = filter_alloc(p, sizeof *n);
    if (!n)
        return NULL;
    p->filter->n_nodes++;
    n->node.op = op;
    return &n->node;
}

filter_tree *filter_pair(struct filter_parser *p, enum net_filter_op op, const filter_tree *left,
                         const filter_tree *right)
{
    filter_tree *n = filter_node(p, op);
    if (!n || !left || !right)
        return NULL;
    n->left = left;
    n->right = right;
    return n;
}

filter_tree *filter_not(struct filter_parser *p, const filter_tree *operand)
{
    filter_tree *n = filter_node(p, NET_FILTER_NOT);
    if (!n || !operand)
        return NULL;
    n->left = operand;
    return n;
}

const filter_tree *filter_balance(struct filter_parser *p, enum net_filter_op op,
                                  const filter_tree *const *operands, size_t n)
{
    if (n == 1 || p->error)
        return p->error ? NULL : operands[0];
    size_t half = n / 2;
    const filter_tree *left = filter_balance(p, op, operands, half);
    const filter_tree *right = filter_balance(p, op, operands + half, n - half);
    return filter_pair(p, op, left, right);
}

static const filter_tree *parse_or(struct filter_parser *p, const filter_tree *first);

static bool ends_operand(const struct filter_parser *p)
{
    return p->now.kind == TOKEN_END || p->now.kind == TOKEN_CLOSE || p->now.kind == TOKEN_OR;
}

static const filter_tree *parse_parentheses(struct filter_parser *p)
{
    struct filter_token open = p->now;
    if (p->depth >= FILTER_MAX_DEPTH)
        return filter_fault(p, &open, "parentheses nest too deep (the limit is %d)",
                            FILTER_MAX_DEPTH);
    if (filter_advance(p) < 0)
        return NULL;
    if (p->now.kind == TOKEN_CLOSE)
        return filter_fault(p, &p->now, "nothing stands between these parentheses");
    p->depth++;
    const filter_tree *inner = parse_or(p, NULL);
    p->depth--;
    if (!inner)
        return NULL;
    if (p->now.kind != TOKEN_CLOSE)
        return filter_fault(p, &open, "this parenthesis isn't closed");
    filter_advance(p);
    return p->error ? NULL : inner;
}

static const filter_tree *parse_primary(struct filter_parser *p)
{
    switch (p->now.kind) {
    case TOKEN_OPEN:
        return parse_parentheses(p);
    case TOKEN_WORD:
        return filter_term(p);
    case TOKEN_RELATION:
        return filter_fault(p, &p->now,
                            "a comparison needs something before it, as in sport = :22");
    case TOKEN_CLOSE:
        return filter_fault(p, &p->now,
                            p->depth ? "a condition is missing before this"
                                     : "this parenthesis was never opened");
    default:
        return filter_fault(p, &p->now, "a condition is missing here");
    }
}

static const filter_tree *parse_not(struct filter_parser *p)
{
    bool negated = false;
    for (; p->now.kind == TOKEN_NOT; negated = !negated)
        if (filter_advance(p) < 0)
            return NULL;
    const filter_tree *operand = parse_primary(p);
    return negated && operand ? filter_not(p, operand) : operand;
}

static const filter_tree *join(struct filter_parser *p, enum net_filter_op op,
                               const struct vec *operands)
{
    return filter_balance(p, op, operands->items, operands->len);
}

static bool keep(struct filter_parser *p, struct vec *operands, const filter_tree *operand)
{
    if (operand && vec_add(operands, &operand) < 0)
        p->error = -ENOMEM;
    return operand && !p->error;
}

/* first: an operand that was read already, or NULL. */
static const filter_tree *parse_and(struct filter_parser *p, const filter_tree *first)
{
    _cleanup_vec_ struct vec operands = VEC_INIT(const filter_tree *);
    if (!keep(p, &operands, first ? first : parse_not(p)))
        return NULL;
    while (!ends_operand(p)) {
        if (p->now.kind == TOKEN_AND && filter_advance(p) < 0)
            return NULL;
        if (!keep(p, &operands, parse_not(p)))
            return NULL;
    }
    return join(p, NET_FILTER_AND, &operands);
}

static const filter_tree *parse_or(struct filter_parser *p, const filter_tree *first)
{
    _cleanup_vec_ struct vec operands = VEC_INIT(const filter_tree *);
    if (!keep(p, &operands, parse_and(p, first)))
        return NULL;
    while (p->now.kind == TOKEN_OR) {
        if (filter_advance(p) < 0 || !keep(p, &operands, parse_and(p, NULL)))
            return NULL;
    }
    return join(p, NET_FILTER_OR, &operands);
}

static const filter_tree *parse_filter(struct filter_parser *p)
{
    if (filter_advance(p) < 0)
        return NULL;
    if (p->now.kind == TOKEN_END)
        return filter_node(p, NET_FILTER_TRUE);
    const filter_tree *states = NULL;
    bool in_front = p->now.kind == TOKEN_WORD && filter_begins_states(&p->now);
    if (in_front) {
        states = filter_term(p);
        if (!states || p->now.kind == TOKEN_END)
            return states;
        in_front = p->now.kind != TOKEN_AND && p->now.kind != TOKEN_OR;
    }
    const filter_tree *rest = parse_or(p, in_front ? NULL : states);
    if (!rest)
        return NULL;
    if (p->now.kind != TOKEN_END) /* only a closing parenthesis ends parse_or early */
        return filter_fault(p, &p->now, "this parenthesis was never opened");
    return in_front ? filter_pair(p, NET_FILTER_AND, states, rest) : rest;
}

int net_filter_parse(const char *text, const struct net_filter_names *names,
                     struct net_filter **ret, struct net_filter_fault *ret_fault)
{
    static const struct net_filter_names nobody;
    struct net_filter_fault fault = {0};
    struct net_filter *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    struct filter_parser p = {
        .filter = f,
        .names = names ? names : &nobody,
        .text = text,
        .len = strlen(text),
        .fault = &fault,
    };
    f->reach = p.names->reach;
    f->reach_ctx = p.names->ctx;
    f->now_ns = p.names->now_ns;
    f->auto_first = p.names->auto_last ? p.names->auto_first : DEFAULT_AUTO_FIRST;
    f->auto_last = p.names->auto_last ? p.names->auto_last : DEFAULT_AUTO_LAST;
    if (p.len > FILTER_MAX_TEXT)
        filter_fault(&p, &p.now, "this filter is too long (the limit is %d bytes)",
                     FILTER_MAX_TEXT);
    else
        f->root = parse_filter(&p);
    if (p.error) {
        net_filter_free(f);
        if (p.error == -EINVAL && ret_fault)
            *ret_fault = fault;
        return p.error;
    }
    assert(f->root);
    *ret = f;
    return 0;
}

void net_filter_free(struct net_filter *f)
{
    if (!f)
        return;
    for (struct filter_regex *r = f->regexes; r; r = r->next)
        regfree(&r->compiled);
    while (f->blocks) {
        struct filter_block *next = f->blocks->next;
        free(f->blocks);
        f->blocks = next;
    }
    free(f);
}

bool net_filter_slip(const struct net_filter *f, const char **ret_written, const char **ret_meant)
{
    if (!f->slip)
        return false;
    *ret_written = f->slip;
    *ret_meant = f->slip_meant;
    return true;
}

const struct net_filter_node *net_filter_root(const struct net_filter *f)
{
    return f->root;
}
