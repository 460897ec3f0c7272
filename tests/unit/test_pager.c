/* render/pager and render/options, with a terminal of our own as stdout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "render/pager.h"
#include "render/render.h"

struct screen {
    int master, stdout_before;
};

static int setup(void **state)
{
    static struct screen screen;
    struct winsize size = {.ws_col = 97, .ws_row = 30};
    int slave;
    *state = &screen;
    screen.stdout_before = dup(STDOUT_FILENO);
    if (openpty(&screen.master, &slave, NULL, NULL, &size) < 0)
        return -1;
    dup2(slave, STDOUT_FILENO);
    close(slave);
    unsetenv("COLUMNS");
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    return 0;
}

static int teardown(void **state)
{
    struct screen *s = *state;
    dup2(s->stdout_before, STDOUT_FILENO);
    close(s->stdout_before);
    close(s->master);
    return 0;
}

/* What has been shown, which must end with `end`. */
static void assert_shows(const struct screen *s, const char *expected)
{
    char got[256] = "";
    size_t n = 0;
    while (n < strlen(expected)) {
        ssize_t more = read(s->master, got + n, sizeof got - 1 - n);
        assert_true(more > 0);
        n += (size_t)more;
    }
    assert_string_equal(got, expected);
}

static void test_pager_shows(void **state)
{
    struct pager p;
    setenv("PAGER", "sed 's/^/> /'", 1);
    assert_int_equal(pager_start(&p), 0);
    assert_true(p.pid > 0);
    struct sigaction now;
    sigaction(SIGINT, NULL, &now);
    assert_true(now.sa_handler == SIG_IGN);
    assert_int_equal(fd_write_all(p.fd, "one\ntwo\n", 8), 0);
    assert_int_equal(pager_end(&p), 0);
    assert_shows(*state, "> one\r\n> two\r\n");
    sigaction(SIGINT, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
    assert_int_equal(p.fd, STDOUT_FILENO);
    assert_int_equal(pager_end(&p), 0);
}

/* Whatever starts less in the end: colours are shown, unless the user chose for himself. */
static void test_options_for_less(void **state)
{
    struct pager p;
    setenv("PAGER", "echo $LESS", 1);
    unsetenv("LESS");
    assert_int_equal(pager_start(&p), 0);
    assert_int_equal(pager_end(&p), 0);
    assert_shows(*state, "FRX\r\n");
    setenv("LESS", "S", 1);
    assert_int_equal(pager_start(&p), 0);
    assert_int_equal(pager_end(&p), 0);
    assert_shows(*state, "S\r\n");
    unsetenv("LESS");
}

/* A pager that is left early is a broken pipe, and no signal. */
static void test_pager_left(void **state)
{
    (void)state;
    struct pager p;
    setenv("PAGER", "true", 1);
    assert_int_equal(pager_start(&p), 0);
    int e = 0;
    for (int i = 0; i < 1000 && e == 0; i++) {
        static const char page[65536];
        e = fd_write_all(p.fd, page, sizeof page);
    }
    assert_int_equal(e, -EPIPE);
    assert_int_equal(pager_end(&p), 0);
}

static void test_pager_missing(void **state)
{
    (void)state;
    struct pager p;
    setenv("PAGER", "/nonexistent/pager 2>/dev/null", 1);
    assert_int_equal(pager_start(&p), 0);
    assert_int_equal(pager_end(&p), -ENOENT);
    static const char *const none[] = {"", "cat"};
    for (int i = 0; i < 2; i++) {
        setenv("PAGER", none[i], 1);
        assert_int_equal(pager_start(&p), 0);
        assert_int_equal(p.pid, 0);
        assert_int_equal(p.fd, STDOUT_FILENO);
    }
    unsetenv("PAGER");
    setenv("PATH", "/nonexistent::", 1);
    assert_int_equal(pager_start(&p), 0);
    assert_int_equal(p.pid, 0);
}

static void test_pager_not_for_a_pipe(void **state)
{
    (void)state;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDOUT_FILENO);
    close(null);
    struct pager p;
    setenv("PAGER", "sed 's/^/> /'", 1);
    assert_int_equal(pager_start(&p), 0);
    assert_int_equal(p.pid, 0);
}

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *columns, *no_color, *term;
        enum render_format format;
        enum render_colour asked;
        bool colour;
        uint16_t width;
    } cases[] = {
        {NULL, NULL, "xterm", RENDER_TABLE, RENDER_COLOUR_AUTO, true, 97},
        {"", "", "xterm", RENDER_TABLE, RENDER_COLOUR_AUTO, true, 97},
        {"40", "1", "xterm", RENDER_TABLE, RENDER_COLOUR_AUTO, false, 40},
        {"0", "1", "xterm", RENDER_TABLE, RENDER_COLOUR_ALWAYS, true, 97},
        {"x", NULL, "dumb", RENDER_TABLE, RENDER_COLOUR_AUTO, false, 97},
        {NULL, NULL, NULL, RENDER_TABLE, RENDER_COLOUR_AUTO, false, 97},
        {NULL, NULL, "xterm", RENDER_TABLE, RENDER_COLOUR_NEVER, false, 97},
        {NULL, NULL, "xterm", RENDER_JSON, RENDER_COLOUR_ALWAYS, false, 97},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const values[] = {cases[i].columns, cases[i].no_color, cases[i].term};
        static const char *const names[] = {"COLUMNS", "NO_COLOR", "TERM"};
        for (int k = 0; k < 3; k++) {
            unsetenv(names[k]);
            if (values[k])
                setenv(names[k], values[k], 1);
        }
        struct render_options o =
            render_options_detect(STDOUT_FILENO, cases[i].format, cases[i].asked);
        assert_true(o.terminal);
        assert_int_equal(o.colour, cases[i].colour);
        assert_int_equal(o.width, cases[i].width);
    }

    int pipe_ends[2];
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    setenv("COLUMNS", "40", 1);
    setenv("TERM", "xterm", 1);
    struct render_options o = render_options_detect(pipe_ends[1], RENDER_TABLE, RENDER_COLOUR_AUTO);
    assert_true(!o.terminal && !o.colour && o.width == 0);
    o = render_options_detect(pipe_ends[1], RENDER_TABLE, RENDER_COLOUR_ALWAYS);
    assert_true(!o.terminal && o.colour && o.width == 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pager_shows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options_for_less, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pager_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pager_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pager_not_for_a_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
