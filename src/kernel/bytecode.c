/* Theory of operation. The kernel runs from op to op; each says how far to go on yes and on no. A
 * run that ends exactly behind the code lets the socket pass, one that ends four bytes further
 * refuses it. So a block of code is built to the same rule: yes leads to its end, no to its end
 * + 4. In front of another block, its refusals are moved behind that one (AND); with a jump of four
 * bytes in between, they lead into it, and the jump goes over it (OR). The yes of an op is a byte
 * and leads to the next op always, as the kernel's check wants it; refusals have 16 bits. NOT is
 * pushed down to the leaves, where a jump that refuses follows the op.
 */
#include "kernel/bytecode.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>

#include "net/filter.h"

enum {
    OP = sizeof(struct inet_diag_bc_op),
    DEPTH_MAX = 256,
};
static_assert(OP == 4, "a refusal ends one op behind the end");

/* What a node came to: everything passes, nothing does, or a block that was appended. */
enum outcome { ALL, NONE, CODE };

struct compiler {
    struct bytecode *code;
    enum net_kind kind;
    bool privileged, too_long;
    unsigned depth;
};

static struct inet_diag_bc_op *op_at(struct compiler *c, size_t at)
{
    return (struct inet_diag_bc_op *)(c->code->bytes + at);
}

/* Appends an op with its operand, refusing behind its own end. */
static void append(struct compiler *c, uint8_t what, const void *operand, size_t n)
{
    size_t size = OP + n;
    if (c->code->len + size > sizeof c->code->bytes) {
        c->too_long = true;
        return;
    }
    struct inet_diag_bc_op *op = op_at(c, c->code->len);
    *op = (struct inet_diag_bc_op){.code = what, .yes = (uint8_t)size, .no = (uint16_t)(size + OP)};
    if (n)
        memcpy(op + 1, operand, n);
    c->code->len += size;
}

static void append_jump(struct compiler *c, size_t distance)
{
    size_t at = c->code->len;
    append(c, INET_DIAG_BC_JMP, NULL, 0);
    if (!c->too_long)
        op_at(c, at)->no = (uint16_t)distance;
}

/* The refusals of the block from start to end, made to lead behind `by` more bytes. */
static void move_refusals(struct compiler *c, size_t start, size_t end, size_t by)
{
    for (size_t at = start; at < end; at += op_at(c, at)->yes)
        if (at + op_at(c, at)->no == end + OP)
            op_at(c, at)->no = (uint16_t)(op_at(c, at)->no + by);
}

/* A leaf: one op, turned round if it is negated. */
static enum outcome leaf(struct compiler *c, bool negated, uint8_t what, const void *operand,
                         size_t n)
{
    append(c, what, operand, n);
    if (negated)
        append_jump(c, (size_t)2 * OP);
    return CODE;
}

struct parts {
    const void *ctx;
    enum outcome (*part)(struct compiler *c, const void *ctx, unsigned i, bool negated);
};

/* Two parts, both of which must hold, or one of them. */
static enum outcome join(struct compiler *c, bool all, bool negated, const struct parts *p)
{
    const enum outcome neutral = all ? ALL : NONE, decisive = all ? NONE : ALL;
    size_t start = c->code->len;
    enum outcome first = p->part(c, p->ctx, 0, negated);
    if (first == decisive)
        return decisive;
    size_t middle = c->code->len;
    if (first == CODE && !all)
        append_jump(c, 0);
    size_t second_at = c->code->len;
    enum outcome second = p->part(c, p->ctx, 1, negated);
    if (c->too_long)
        return ALL;
    if (second == decisive) {
        c->code->len = start;
        return decisive;
    }
    if (second == neutral) {
        c->code->len = middle;
        return first;
    }
    if (first != CODE)
        return second;
    if (all)
        move_refusals(c, start, middle, c->code->len - middle);
    else
        op_at(c, middle)->no = (uint16_t)(c->code->len - second_at + OP);
    return CODE;
}

static enum outcome one_port(struct compiler *c, bool local, bool upper, uint32_t port,
                             bool negated)
{
    static const uint8_t ops[2][2] = {{INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE},
                                      {INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE}};
    const struct inet_diag_bc_op operand = {.no = (uint16_t)port};
    return leaf(c, negated, ops[local][upper], &operand, sizeof operand);
}

struct one_end {
    const struct net_filter_node *node;
    bool local;
};

/* The first port, and the last. */
static enum outcome port_part(struct compiler *c, const void *ctx, unsigned i, bool negated)
{
    const struct one_end *e = ctx;
    const struct net_filter_node *n = e->node;
    if (i == 0 && n->port_first > 0)
        return one_port(c, e->local, false, n->port_first, negated);
    if (i == 1 && n->port_last < UINT16_MAX)
        return one_port(c, e->local, true, n->port_last, negated);
    return negated ? NONE : ALL;
}

static enum outcome prefix_leaf(struct compiler *c, const struct one_end *e, bool negated)
{
    const struct net_prefix *p = &e->node->prefix;
    size_t n = net_addr_length(&p->addr);
    char operand[sizeof(struct inet_diag_hostcond) + sizeof p->addr.bytes] = {0};
    const struct inet_diag_hostcond cond = {
        .family = p->addr.family, .prefix_len = p->len, .port = -1};
    if (n == 0)
        return negated ? NONE : ALL;
    if (p->addr.scope && negated)
        return ALL; /* the kernel doesn't look at scopes: it would refuse too much */
    memcpy(operand, &cond, sizeof cond);
    memcpy(operand + sizeof cond, p->addr.bytes, n);
    return leaf(c, negated, e->local ? INET_DIAG_BC_S_COND : INET_DIAG_BC_D_COND, operand,
                sizeof cond + n);
}

/* The ports, and the prefix. */
static enum outcome end_part(struct compiler *c, const void *ctx, unsigned i, bool negated)
{
    const struct parts ports = {ctx, port_part};
    return i == 0 ? join(c, !negated, negated, &ports) : prefix_leaf(c, ctx, negated);
}

static enum outcome one_end(struct compiler *c, const struct net_filter_node *n, bool local,
                            bool negated)
{
    const struct one_end e = {n, local};
    const struct parts parts = {&e, end_part};
    return join(c, !negated, negated, &parts);
}

static enum outcome either_part(struct compiler *c, const void *ctx, unsigned i, bool negated)
{
    return one_end(c, ctx, i == 0, negated);
}

static enum outcome host(struct compiler *c, const struct net_filter_node *n, bool negated)
{
    const struct parts both = {n, either_part};
    if (n->port_first > UINT16_MAX)
        return ALL;
    if (n->end == NET_EITHER)
        return join(c, negated, negated, &both);
    return one_end(c, n, n->end == NET_LOCAL, negated);
}

static enum outcome kind(const struct compiler *c, const struct net_filter_node *n, bool negated)
{
    if (n->kinds >> c->kind & 1)
        return n->families ? ALL : negated ? NONE : ALL;
    return negated ? ALL : NONE;
}

static enum outcome compile(struct compiler *c, const struct net_filter_node *n, bool negated);

static enum outcome node_part(struct compiler *c, const void *ctx, unsigned i, bool negated)
{
    const struct net_filter_node *n = ctx;
    return compile(c, i == 0 ? n->left : n->right, negated);
}

static enum outcome number_leaf(struct compiler *c, const struct net_filter_node *n, bool negated)
{
    uint32_t small = (uint32_t)n->number;
    const struct inet_diag_markcond mark = {.mark = (uint32_t)(n->number & n->mask),
                                            .mask = (uint32_t)n->mask};
    if (n->op == NET_FILTER_CGROUP)
        return leaf(c, negated, INET_DIAG_BC_CGROUP_COND, &n->number, sizeof n->number);
    if (n->number > UINT32_MAX)
        return ALL;
    if (n->op == NET_FILTER_DEVICE)
        return leaf(c, negated, INET_DIAG_BC_DEV_COND, &small, sizeof small);
    if (!c->privileged || n->number & ~n->mask)
        return ALL;
    return leaf(c, negated, INET_DIAG_BC_MARK_COND, &mark, sizeof mark);
}

static enum outcome compile(struct compiler *c, const struct net_filter_node *n, bool negated)
{
    const struct parts parts = {n, node_part};
    enum outcome result = ALL;
    if (c->too_long || c->depth == DEPTH_MAX)
        return ALL;
    c->depth++;
    switch (n->op) {
    case NET_FILTER_AND:
    case NET_FILTER_OR:
        result = join(c, (n->op == NET_FILTER_AND) != negated, negated, &parts);
        break;
    case NET_FILTER_NOT:
        result = compile(c, n->left, !negated);
        break;
    case NET_FILTER_TRUE:
        result = negated ? NONE : ALL;
        break;
    case NET_FILTER_KIND:
        result = kind(c, n, negated);
        break;
    case NET_FILTER_HOST:
        result = host(c, n, negated);
        break;
    case NET_FILTER_DEVICE:
    case NET_FILTER_MARK:
    case NET_FILTER_CGROUP:
        result = number_leaf(c, n, negated);
        break;
    default: /* the kernel can't tell */
        break;
    }
    c->depth--;
    return result;
}

bool bytecode_compile_node(struct bytecode *ret, const struct net_filter_node *root,
                           enum net_kind of_kind, bool privileged)
{
    struct compiler c = {.code = ret, .kind = of_kind, .privileged = privileged};
    ret->len = 0;
    enum outcome result = root ? compile(&c, root, false) : ALL;
    return result == CODE && !c.too_long;
}

bool bytecode_compile(struct bytecode *ret, const struct net_filter *f, enum net_kind of_kind,
                      bool privileged)
{
    return bytecode_compile_node(ret, net_filter_root(f), of_kind, privileged);
}
