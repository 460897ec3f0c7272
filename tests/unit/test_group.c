/* render/sort and render/group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "render/group.h"
#include "render/sort.h"

struct cargo {
    const char *port; /* NULL: absent */
    uint64_t crates;
    int64_t balance;
    enum presence weighed; /* of weight */
    double weight;
    unsigned order;
};

enum { PORT, CRATES, BALANCE, WEIGHT, ORDER, MADE, HOLD, COLUMNS };

static void get(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct cargo *g = row;
    ret->presence = KNOWN;
    switch (c->id) {
    case PORT:
    case MADE:
        ret->presence = g->port ? KNOWN : ABSENT;
        if (c->id == PORT && g->port) {
            ret->text.bytes = g->port;
            ret->text.n = strlen(g->port);
        }
        break;
    case CRATES:
        ret->uint = g->crates;
        break;
    case BALANCE:
        ret->integer = g->balance;
        break;
    case WEIGHT:
        ret->presence = g->weighed;
        ret->real = g->weight;
        break;
    case ORDER:
        ret->uint = g->order;
        break;
    case HOLD:
        ret->object = row;
        break;
    }
}

static void made_text(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_printf(out, "%zu-%s", strlen(((const struct cargo *)row)->port),
               ((const struct cargo *)row)->port);
}

static int backwards(const struct render_column *c, const void *a, const void *b)
{
    (void)c;
    return -strcmp(((const struct cargo *)a)->port, ((const struct cargo *)b)->port);
}

static const struct render_column hold_columns[] = {
    {.key = "port", .kind = CELL_TEXT, .id = PORT, .get = get},
    {.key = "crates", .kind = CELL_UINT, .id = CRATES, .get = get},
};

static const struct render_column columns[] = {
    [PORT] = {.key = "port", .kind = CELL_TEXT, .id = PORT, .get = get, .compare = NULL},
    [CRATES] = {.key = "crates", .kind = CELL_UINT, .id = CRATES, .get = get, .additive = true},
    [BALANCE] = {.key = "balance", .kind = CELL_INT, .id = BALANCE, .get = get, .additive = true},
    [WEIGHT] = {.key = "weight", .kind = CELL_REAL, .id = WEIGHT, .get = get, .additive = true},
    [ORDER] = {.key = "order", .kind = CELL_UINT, .id = ORDER, .get = get},
    [MADE] = {.key = "made",
              .kind = CELL_TEXT,
              .id = MADE,
              .get = get,
              .text = made_text,
              .compare = backwards},
    [HOLD] = {.key = "hold",
              .kind = CELL_OBJECT,
              .id = HOLD,
              .get = get,
              .columns = hold_columns,
              .n_columns = 2},
};

static const struct cargo cargoes[] = {
    {"Riga", 5, -1, KNOWN, 1.5, 0},  {"Kiel", 7, 2, KNOWN, 1, 1},  {NULL, 7, 0, FORBIDDEN, 0, 2},
    {"Riga", 1, -1, KNOWN, 0.25, 3}, {"Oslo", 5, 0, ABSENT, 0, 4}, {"Kiel", 7, 4, ABSENT, 0, 5},
};
enum { CARGOES = sizeof cargoes / sizeof *cargoes };

static void check_sort(const char *list, const char *expected)
{
    struct render_sort_key keys[4];
    size_t n_keys, bad_len;
    const char *bad;
    assert_int_equal(render_sort_parse(columns, COLUMNS, list, keys, 4, &n_keys, &bad, &bad_len),
                     0);
    const void *rows[CARGOES];
    for (size_t i = 0; i < CARGOES; i++)
        rows[i] = &cargoes[i];
    assert_int_equal(render_sort(keys, n_keys, rows, CARGOES), 0);
    char got[CARGOES + 1] = "";
    for (size_t i = 0; i < CARGOES; i++)
        got[i] = (char)('0' + ((const struct cargo *)rows[i])->order);
    assert_string_equal(got, expected);
}

static void test_sort(void **state)
{
    (void)state;
    check_sort("port", "154032");
    check_sort("-port", "034152"); /* absent stays last */
    check_sort("port,crates", "154302");
    check_sort("-crates,-order", "521403");
    check_sort("weight", "310245"); /* forbidden before absent */
    check_sort("-weight", "013245");
    check_sort("made", "034152"); /* an order of its own */
    check_sort("hold", "154302");
}

static void test_sort_many(void **state)
{
    (void)state;
    enum { MANY = 4097 };
    static struct cargo many[MANY];
    static const void *rows[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct cargo){.crates = i * 2654435761u % 64, .order = i};
        rows[i] = &many[i];
    }
    struct render_sort_key key = {.column = &columns[CRATES]};
    assert_int_equal(render_sort(&key, 1, rows, MANY), 0);
    for (size_t i = 1; i < MANY; i++) {
        const struct cargo *a = rows[i - 1], *b = rows[i];
        assert_true(a->crates < b->crates || (a->crates == b->crates && a->order < b->order));
    }
}

static void test_sort_faults(void **state)
{
    (void)state;
    struct render_sort_key keys[2];
    size_t n, bad_len;
    const char *bad, *list = "port,-crate,weight";
    assert_int_equal(render_sort_parse(columns, COLUMNS, list, keys, 2, &n, &bad, &bad_len),
                     -EINVAL);
    assert_ptr_equal(bad, list + 6);
    assert_int_equal(bad_len, 5);
    assert_int_equal(
        render_sort_parse(columns, COLUMNS, "port,crates,weight", keys, 2, &n, &bad, &bad_len),
        -E2BIG);
    assert_int_equal(render_sort_parse(columns, COLUMNS, "", keys, 2, &n, &bad, &bad_len), -EINVAL);
}

static void *copy(const void *row)
{
    struct cargo *c = malloc(sizeof *c);
    if (c)
        *c = *(const struct cargo *)row;
    return c;
}

/* "cell,cell;cell,cell;": the groups of all cargoes, which are gone by the time they are read. */
static void check_group(const char *list, const char *expected)
{
    const struct render_column *keys[COLUMNS], *all[COLUMNS];
    size_t n_keys, n_rows, n, bad_len;
    const char *bad;
    const void **rows;
    assert_int_equal(
        render_choose(columns, COLUMNS, list, "", keys, COLUMNS, &n_keys, &bad, &bad_len), 0);
    for (size_t i = 0; i < COLUMNS; i++)
        all[i] = &columns[i];
    _cleanup_render_group_ struct render_group *g =
        render_group_new(keys, n_keys, all, COLUMNS, copy, free);
    for (size_t i = 0; i < CARGOES; i++) {
        struct cargo passing = cargoes[i];
        assert_int_equal(render_group_add(g, &passing), 0);
    }

    const struct render_column *of = render_group_columns(g, &n);
    assert_int_equal(render_group_rows(g, &rows, &n_rows), 0);
    _cleanup_buf_ struct buf got = BUF_INIT(4096);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < n; i++) {
            struct cell v = {0};
            of[i].get(&of[i], rows[r], &v);
            buf_str(&got, i ? "," : "");
            if (v.presence != KNOWN)
                buf_str(&got, v.presence == FORBIDDEN ? "?" : "-");
            else if (of[i].text)
                of[i].text(&of[i], rows[r], &got);
            else if (of[i].kind == CELL_TEXT)
                buf_add(&got, v.text.bytes, v.text.n);
            else if (of[i].kind == CELL_INT)
                buf_i64(&got, v.integer);
            else if (of[i].kind == CELL_REAL)
                buf_printf(&got, "%g", v.real);
            else if (of[i].kind == CELL_OBJECT)
                buf_u64(&got, ((const struct cargo *)v.object)->order);
            else
                buf_u64(&got, v.uint);
        }
        buf_char(&got, ';');
    }
    free(rows);
    assert_string_equal(buf_cstr(&got), expected);
}

static void test_group(void **state)
{
    (void)state;
    check_group("port", "Riga,2,6,-2,1.75;Kiel,2,14,6,1;-,1,7,0,?;Oslo,1,5,0,-;");
    check_group("crates", "7,3,6,?;5,2,-1,1.5;1,1,-1,0.25;");
    check_group("made", "4-Riga,2,6,-2,1.75;4-Kiel,2,14,6,1;-,1,7,0,?;4-Oslo,1,5,0,-;");
    check_group("hold", "1,2,14,6,1;0,1,5,-1,1.5;2,1,7,0,?;3,1,1,-1,0.25;4,1,5,0,-;");
    check_group("port,crates", "Kiel,7,2,6,1;Riga,5,1,-1,1.5;-,7,1,0,?;Riga,1,1,-1,0.25;"
                               "Oslo,5,1,0,-;");
}

static void test_group_sums_stay_at_the_largest(void **state)
{
    (void)state;
    const struct render_column *keys[] = {&columns[PORT]}, *sums[] = {&columns[CRATES]};
    static const struct cargo big = {.port = "x", .crates = UINT64_MAX - 1};
    _cleanup_render_group_ struct render_group *g = render_group_new(keys, 1, sums, 1, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(render_group_add(g, &big), 0);
    size_t n;
    const struct render_column *of = render_group_columns(g, &n);
    const void **rows;
    assert_int_equal(render_group_rows(g, &rows, &n), 0);
    struct cell v = {0};
    of[2].get(&of[2], rows[0], &v);
    assert_true(v.uint == UINT64_MAX);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_many),
        cmocka_unit_test(test_sort_faults),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_group_sums_stay_at_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
