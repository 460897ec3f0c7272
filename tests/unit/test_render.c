#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/out.h"
#include "base/vec.h"
#include "render/render.h"

/* A row of the tests: every kind of cell, each with its presence. */
struct ship {
    enum presence presence;
    const char *name;
    uint64_t length;
    int64_t depth;
    double speed;
    bool sails;
    struct place {
        enum presence presence;
        const char *town;
        uint64_t berth;
    } home;
    struct place *calls;
    size_t n_calls;
};

enum { TOWN, BERTH };

static void place_get(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct place *p = row;
    ret->presence = p->presence;
    if (c->id == TOWN) {
        /* made on demand */
    } else {
        ret->presence = KNOWN;
        ret->uint = p->berth;
    }
}

static void place_text(const struct render_column *c, const void *row, struct buf *out)
{
    (void)c;
    buf_str(out, ((const struct place *)row)->town);
}

static const struct render_column place_columns[] = {
    {.key = "town", .kind = CELL_TEXT, .id = TOWN, .get = place_get, .text = place_text},
    {.key = "berth", .kind = CELL_UINT, .id = BERTH, .get = place_get},
};

enum { NAME, LENGTH, DEPTH, SPEED, SAILS, HOME, CALLS, COLUMNS };

static void ship_get(const struct render_column *c, const void *row, struct cell *ret)
{
    const struct ship *s = row;
    ret->presence = c->id == NAME ? KNOWN : s->presence;
    switch (c->id) {
    case NAME:
        ret->text.bytes = s->name;
        ret->text.n = strlen(s->name);
        break;
    case LENGTH:
        ret->uint = s->length;
        break;
    case DEPTH:
        ret->integer = s->depth;
        break;
    case SPEED:
        ret->real = s->speed;
        break;
    case SAILS:
        ret->boolean = s->sails;
        break;
    case HOME:
        ret->object = &s->home;
        break;
    case CALLS:
        ret->list.items = s->calls;
        ret->list.n = s->n_calls;
        ret->list.stride = sizeof *s->calls;
        break;
    }
}

static enum render_style length_style(const struct render_column *c, const void *row)
{
    (void)c;
    return ((const struct ship *)row)->length > 100 ? RENDER_WARN : RENDER_PLAIN;
}

static const struct render_column columns[] = {
    {.key = "name", .kind = CELL_TEXT, .id = NAME, .get = ship_get, .width = 8},
    {.key = "length_m",
     .kind = CELL_UINT,
     .id = LENGTH,
     .get = ship_get,
     .align = RENDER_RIGHT,
     .style = length_style},
    {.key = "depth", .kind = CELL_INT, .id = DEPTH, .get = ship_get, .align = RENDER_RIGHT},
    {.key = "speed", .kind = CELL_REAL, .id = SPEED, .get = ship_get, .align = RENDER_RIGHT},
    {.key = "sails", .kind = CELL_BOOL, .id = SAILS, .get = ship_get},
    {.key = "home",
     .kind = CELL_OBJECT,
     .id = HOME,
     .get = ship_get,
     .columns = place_columns,
     .n_columns = 2},
    {.key = "calls",
     .title = "PORTS OF CALL",
     .kind = CELL_LIST,
     .id = CALLS,
     .get = ship_get,
     .columns = place_columns,
     .n_columns = 2},
};
static_assert(sizeof columns / sizeof *columns == COLUMNS, "a column each");

static struct place calls[] = {{KNOWN, "R;ga", 7}, {FORBIDDEN, "", 8}, {ABSENT, "", 9}};
static const struct ship gull = {
    KNOWN, "Gull", 12, -2, 4.5, true, {KNOWN, "Kiel", 3}, calls, 3,
};
static const struct ship ghost = {FORBIDDEN, "Ghost", 1, 1, 1, 1, {KNOWN, "x", 1}, calls, 1};
static const struct ship wreck = {ABSENT, "Wreck", 1, 1, 1, 1, {KNOWN, "x", 1}, calls, 1};
static const struct ship hostile = {
    KNOWN, "a\033[2J\xff\"\n,\\", 123, 0, 0, false, {FORBIDDEN, "", 1}, NULL, 0,
};

/* Renders rows (NULL: a heading) by the columns that `list` names. */
static void render(struct buf *ret, const struct render_options *o, const char *list,
                   const struct ship *const *rows, size_t n)
{
    const struct render_column *chosen[COLUMNS];
    size_t n_chosen, bad_len;
    const char *bad;
    assert_int_equal(
        render_choose(columns, COLUMNS, list, "name", chosen, COLUMNS, &n_chosen, &bad, &bad_len),
        0);
    _cleanup_fd_ int fd = memfd_create("render", MFD_CLOEXEC);
    _cleanup_out_ struct out out;
    out_init(&out, fd);
    _cleanup_render_ struct render *r = render_new(o, chosen, n_chosen, &out);
    assert_non_null(r);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rows[i] ? render_row(r, rows[i]) : render_heading(r, "at sea\033"), 0);
    assert_int_equal(render_end(r), 0);
    buf_clear(ret);
    char chunk[4096];
    lseek(fd, 0, SEEK_SET);
    for (ssize_t got; (got = read(fd, chunk, sizeof chunk)) > 0;)
        buf_add(ret, chunk, (size_t)got);
}

static const struct ship *const fleet[] = {&gull, &ghost, &wreck, &hostile};

static void check(const struct render_options *o, const char *list, const struct ship *const *rows,
                  size_t n, const char *expected)
{
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    render(&got, o, list, rows, n);
    assert_string_equal(buf_cstr(&got), expected);
}

static void test_json(void **state)
{
    (void)state;
    static const struct render_options json = {.format = RENDER_JSON};
    static const struct render_options jsonl = {.format = RENDER_JSONL};
    check(&json, "all", NULL, 0, "[]\n");
    check(&jsonl, "all", NULL, 0, "");
#define GULL                                                                        \
    "{\"name\":\"Gull\",\"length_m\":12,\"depth\":-2,\"speed\":4.5,\"sails\":true," \
    "\"home\":{\"town\":\"Kiel\",\"berth\":3},\"calls\":["                          \
    "{\"town\":\"R;ga\",\"berth\":7,\"not_permitted\":[]},"                         \
    "{\"town\":null,\"berth\":8,\"not_permitted\":[\"town\"]},"                     \
    "{\"town\":null,\"berth\":9,\"not_permitted\":[]}],\"not_permitted\":[]}"
#define GHOST                                                                                     \
    "{\"name\":\"Ghost\",\"length_m\":null,\"depth\":null,\"speed\":null,\"sails\":null,"         \
    "\"home\":null,\"calls\":null,\"not_permitted\":[\"length_m\",\"depth\",\"speed\",\"sails\"," \
    "\"home\",\"calls\"]}"
#define WRECK                                                                             \
    "{\"name\":\"Wreck\",\"length_m\":null,\"depth\":null,\"speed\":null,\"sails\":null," \
    "\"home\":null,\"calls\":null,\"not_permitted\":[]}"
#define HOSTILE                                                                              \
    "{\"name\":\"a\\u001b[2J\\uefff\\\"\\n,\\\\\",\"length_m\":123,\"depth\":0,\"speed\":0," \
    "\"sails\":false,\"home\":{\"town\":null,\"berth\":1},\"calls\":[],"                     \
    "\"not_permitted\":[\"home.town\"]}"
    check(&json, "all", fleet, 4, "[\n" GULL ",\n" GHOST ",\n" WRECK ",\n" HOSTILE "\n]\n");
    check(&jsonl, "all", fleet, 4, GULL "\n" GHOST "\n" WRECK "\n" HOSTILE "\n");
}

static void test_csv(void **state)
{
    (void)state;
    static const struct render_options csv = {.format = RENDER_CSV};
    static const struct render_options bare = {.format = RENDER_CSV, .no_header = true};
    static const struct render_options screen = {.format = RENDER_CSV, .terminal = true};
    check(&bare, "name", NULL, 0, "");
    check(&csv, "all", fleet, 4,
          "name,length_m,depth,speed,sails,home_town,home_berth,calls_town,calls_berth,"
          "not_permitted\r\n"
          "Gull,12,-2,4.5,true,Kiel,3,R\\;ga;;,7;8;9,calls_town\r\n"
          "Ghost,,,,,,,,,length_m;depth;speed;sails;home_town;home_berth;calls_town;calls_berth\r\n"
          "Wreck,,,,,,,,,\r\n"
          "\"a\033[2J\uefff\"\"\n,\\\",123,0,0,false,,1,,,home_town\r\n");
    check(&screen, "name", &fleet[3], 1,
          "name,not_permitted\r\n\"a\\x1b[2J\\xff\"\"\\x0a,\\\\\",\r\n");
}

static void test_table_piped(void **state)
{
    (void)state;
    static const struct render_options piped = {.format = RENDER_TABLE, .width = 20};
    check(&piped, "name,sails", NULL, 0, "NAME      SAILS\n");
    check(&piped, "all", fleet, 4,
          "NAME      LENGTH-M  DEPTH  SPEED  SAILS  HOME  PORTS OF CALL\n"
          "Gull            12     -2    4.5  yes    Kiel 3  R;ga 7, ? 8, 9\n"
          "Ghost            ?      ?      ?  ?      ?     ?\n"
          "Wreck            -      -      -  -      -     -\n"
          "a\\x1b[2J\\xff\"\\x0a,\\\\  123  0   0  no     ? 1   -\n");
    static const struct render_options bare = {.format = RENDER_TABLE, .no_header = true};
    const struct ship *const with_heading[] = {NULL, &gull};
    check(&bare, "depth,name", with_heading, 2, "   -2  Gull\n");
}

static void test_table_is_stable(void **state)
{
    (void)state;
    static const struct render_options piped = {.format = RENDER_TABLE};
    struct ship longer = gull;
    longer.name = "a name longer than its column";
    const struct ship *const rows[] = {&gull, &longer, &gull};
    check(&piped, "name,sails", rows, 3,
          "NAME      SAILS\n"
          "Gull      yes\n"
          "a name longer than its column  yes\n"
          "Gull      yes\n");
}

static void test_table_on_terminal(void **state)
{
    (void)state;
    struct ship longer = gull;
    longer.name = "a name longer th\u00e4n its column";
    const struct ship *const rows[] = {NULL, &gull, NULL, &longer};
    struct render_options o = {.format = RENDER_TABLE, .terminal = true};
    check(&o, "name,sails", rows, 4,
          "NAME                           SAILS\n"
          "\nat sea\\x1b\n"
          "Gull                           yes\n"
          "\nat sea\\x1b\n"
          "a name longer th\u00e4n its column  yes\n");
    o.width = 25;
    check(&o, "name,sails", &rows[1], 3,
          "NAME                SAILS\n"
          "Gull                yes\n"
          "\nat sea\\x1b\n"
          "a name longer th\u00e4\u2026  yes\n");
    o.colour = true;
    const struct ship *const big[] = {&hostile, &ghost};
    check(&o, "length_m,sails", big, 2,
          "\033[1mLENGTH-M\033[0m  \033[1mSAILS\033[0m\n"
          "     \033[33m123\033[0m  no\n"
          "       \033[2m?\033[0m  \033[2m?\033[0m\n");
}

/* Rows after the first ones keep to the widths, and use room that is left over. */
static void test_table_after_the_first_rows(void **state)
{
    (void)state;
    struct render_options o = {.format = RENDER_TABLE, .terminal = true, .width = 18};
    struct ship longer = gull;
    longer.name = "abcdefghijklmnopqrst";
    const struct ship *rows[302];
    for (size_t i = 0; i < 302; i++)
        rows[i] = i == 300 ? &longer : &gull;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    render(&got, &o, "name,sails", rows, 302);
    assert_string_equal(strstr(buf_cstr(&got), "abc"), "abcdefghij\u2026  yes\n"
                                                       "Gull  yes\n");
}

/* Nothing that a row holds makes a line wider than the terminal, or reaches it raw. */
static void test_table_hostile(void **state)
{
    (void)state;
    char name[256];
    for (int c = 1; c < 256; c++)
        name[c - 1] = (char)c;
    name[255] = '\0';
    struct ship all = gull;
    all.name = name;
    const struct ship *const rows[] = {&all};
    for (uint16_t width = 0; width < 60; width += 19) {
        struct render_options o = {.format = RENDER_TABLE, .terminal = true, .width = width};
        _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
        render(&got, &o, "name", rows, 1);
        size_t lines = 0;
        for (size_t i = 0; i < got.len; i++) {
            unsigned char c = (unsigned char)got.data[i];
            assert_true((c >= 0x20 && c != 0x7f) || c == '\n');
            lines += c == '\n';
        }
        assert_int_equal(lines, 2);
    }
}

static void test_choose(void **state)
{
    (void)state;
    static const struct {
        const char *list, *expected;
    } good[] = {
        {"depth", "depth"},
        {"depth,name,depth", "depth name"},
        {"length-m", "length_m"},
        {"+depth", "name home depth"},
        {"+home,+sails", "name home sails"},
        {"depth,+sails", "depth sails"},
        {"all", "name length_m depth speed sails home calls"},
    };
    const struct render_column *chosen[COLUMNS];
    const char *bad;
    size_t n, bad_len;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(render_choose(columns, COLUMNS, good[i].list, "name,home", chosen, COLUMNS,
                                       &n, &bad, &bad_len),
                         0);
        _cleanup_buf_ struct buf got = BUF_INIT(256);
        for (size_t k = 0; k < n; k++) {
            buf_str(&got, k ? " " : "");
            buf_str(&got, chosen[k]->key);
        }
        assert_string_equal(buf_cstr(&got), good[i].expected);
    }
    static const struct {
        const char *list;
        size_t at, len;
    } faults[] = {{"", 0, 0},       {"name,", 5, 0}, {"name,nam,home", 5, 3},
                  {"+names", 1, 5}, {",name", 0, 0}, {"name length_m", 0, 13}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        n = 99;
        assert_int_equal(render_choose(columns, COLUMNS, faults[i].list, "name", chosen, COLUMNS,
                                       &n, &bad, &bad_len),
                         -EINVAL);
        assert_int_equal(bad - faults[i].list, faults[i].at);
        assert_int_equal(bad_len, faults[i].len);
        assert_int_equal(n, 99);
    }
}

static void test_compare(void **state)
{
    (void)state;
    struct ship other = gull;
    struct place fewer[] = {{KNOWN, "R;ga", 7}, {FORBIDDEN, "", 7}};
    other.name = "Gulls";
    other.length = 9;
    other.depth = 1;
    other.speed = 5;
    other.sails = false;
    other.home.town = "Kie";
    other.calls = fewer;
    other.n_calls = 2;
    static const int expected[] = {-1, 1, -1, -1, 1, 1, 1};
    for (size_t i = 0; i < COLUMNS; i++) {
        int order = render_compare(&columns[i], &gull, &other);
        assert_int_equal((order > 0) - (order < 0), expected[i]);
        order = render_compare(&columns[i], &other, &gull);
        assert_int_equal((order > 0) - (order < 0), -expected[i]);
        assert_int_equal(render_compare(&columns[i], &gull, &gull), 0);
    }
    assert_true(render_compare(&columns[LENGTH], &gull, &ghost) < 0);
    assert_true(render_compare(&columns[LENGTH], &ghost, &wreck) < 0);
    assert_true(render_compare(&columns[LENGTH], &wreck, &gull) > 0);
}

static void test_full_disk(void **state)
{
    (void)state;
    for (enum render_format f = 0; f < RENDER_FORMATS; f++) {
        _cleanup_fd_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        _cleanup_out_ struct out out;
        out_init(&out, fd);
        const struct render_column *all[] = {&columns[NAME]};
        struct render_options o = {.format = f};
        _cleanup_render_ struct render *r = render_new(&o, all, 1, &out);
        assert_int_equal(render_row(r, &gull), 0);
        assert_int_equal(render_end(r), -ENOSPC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_table_piped),
        cmocka_unit_test(test_table_is_stable),
        cmocka_unit_test(test_table_on_terminal),
        cmocka_unit_test(test_table_after_the_first_rows),
        cmocka_unit_test(test_table_hostile),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
