/*
 * The line reader: cuts lines into words, finds the verb, and holds everything until stdin closes.
 * Knows no sockets. A line that fails reports {"error": …} and leaves what it had made; the
 * program never ends before its standard input does.
 */
#include "mksock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *verb;
    int (*run)(struct mk *mk, struct mk_line *line);
} verbs[] = {
    {"await", mk_do_await},         {"cgroup", mk_do_cgroup}, {"close", mk_do_close},
    {"comm", mk_do_comm},           {"dup", mk_do_dup},       {"end", mk_do_end},
    {"fill", mk_do_fill},           {"fork", mk_do_fork},     {"kill", mk_do_kill},
    {"listeners", mk_do_listeners}, {"mute", mk_do_mute},     {"netns", mk_do_netns},
    {"option", mk_do_option},       {"pass", mk_do_pass},     {"scene", mk_do_scene},
    {"send", mk_do_send},           {"show", mk_do_show},     {"shutdown", mk_do_shutdown},
    {"timewait", mk_do_timewait},   {"unmute", mk_do_unmute}, {"user", mk_do_user},
};

void *mk_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort();
    return p;
}

int64_t mk_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

uint64_t mk_inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

uint64_t mk_netns_of_self(void)
{
    struct stat st;
    return stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
}

static void print_error(const struct mk *mk, const char *error, const char *call)
{
    printf("{\"error\":\"%s\",\"call\":", error);
    mk_print_string(call, strlen(call));
    printf(",\"line\":");
    mk_print_string(mk->line, strlen(mk->line));
    printf("}\n");
}

int mk_fail(struct mk *mk, const char *call, int error)
{
    const char *name = strerrorname_np(error);
    print_error(mk, name ? name : "unknown", call);
    return -1;
}

int mk_usage(struct mk *mk, const char *message, const char *word)
{
    char text[256];
    snprintf(text, sizeof(text), "%s '%s'", message, word ? word : "");
    print_error(mk, "usage", text);
    return -1;
}

const char *mk_value(struct mk_line *line, const char *key)
{
    size_t n = strlen(key);

    for (size_t i = 1; i < line->n; i++)
        if (!strncmp(line->words[i], key, n) && line->words[i][n] == '=') {
            line->used[i] = true;
            return line->words[i] + n + 1;
        }
    return NULL;
}

bool mk_flag(struct mk_line *line, const char *name)
{
    for (size_t i = 1; i < line->n; i++)
        if (!strcmp(line->words[i], name))
            return line->used[i] = true;
    return false;
}

int mk_number(struct mk *mk, struct mk_line *line, const char *key, long fallback, long *ret)
{
    const char *text = mk_value(line, key);
    char *end;

    if (!text) {
        *ret = fallback;
        return 0;
    }
    errno = 0;
    long value = strtol(text, &end, 0);
    if (errno || end == text || *end)
        return mk_usage(mk, "not a number", text);
    *ret = value;
    return 0;
}

int mk_check_used(struct mk *mk, const struct mk_line *line)
{
    for (size_t i = 0; i < line->n; i++)
        if (!line->used[i])
            return mk_usage(mk, "not understood", line->words[i]);
    return 0;
}

/* The byte behind a backslash escape, as in C: \n \t \e \\ \xNN. Moves *text past it. */
static char unescape(const char **text)
{
    char c = *(*text)++;
    char hex[3] = {0};

    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'e':
        return '\033';
    case 'x':
        for (int i = 0; i < 2 && isxdigit((unsigned char)**text); i++)
            hex[i] = *(*text)++;
        return (char)strtol(hex, NULL, 16);
    default:
        return c;
    }
}

/* Cuts TEXT into words; BUFFER, at least as long as TEXT with its NUL, holds them. */
static int line_split(const char *text, char *buffer, struct mk_line *ret)
{
    for (;;) {
        while (isspace((unsigned char)*text))
            text++;
        if (!*text || *text == '#')
            return 0;
        if (ret->n == MK_WORDS_MAX)
            return -E2BIG;
        ret->words[ret->n++] = buffer;
        while (*text && !isspace((unsigned char)*text)) {
            char c = *text++;
            *buffer++ = c == '\\' && *text ? unescape(&text) : c;
        }
        *buffer++ = '\0';
    }
}

static int line_dispatch(struct mk *mk, struct mk_line *line)
{
    line->used[0] = true;
    const struct mk_kind *kind = mk_kind_find(line->words[0]);
    if (kind && line->n > 1 && !strcmp(line->words[1], "state"))
        return mk_do_state(mk, kind, line);
    if (kind)
        return mk_do_open(mk, kind, line);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verbs[i].verb, line->words[0]))
            return verbs[i].run(mk, line);
    return mk_usage(mk, "unknown kind or verb", line->words[0]);
}

int mk_run(struct mk *mk, const char *text)
{
    struct mk_line line = {0};
    char *buffer = mk_alloc(strlen(text) + 1);
    const char *outer = mk->line;
    int r = 0;

    mk->line = text;
    mk->depth++;
    if (line_split(text, buffer, &line) < 0)
        r = mk_usage(mk, "too many words in", text);
    else if (line.n)
        r = line_dispatch(mk, &line);
    if (--mk->depth == 0)
        mk_report(mk);
    mk->line = outer;
    free(buffer);
    return r;
}

static void say_ready(void)
{
    printf("{\"ready\":true}\n");
    fflush(stdout);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    /* What is known of the sockets is needed to the end; reachable, it isn't searched as a leak. */
    static struct mk mk = {.line = ""};
    char *line = NULL;
    size_t size = 0;

    const char *hold = getenv("MKSOCK_HOLD"); /* fork cmdline=… executed us to only hold */
    if (hold)
        mk_hold(hold);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test run that is killed leaves nothing behind */
    raise_file_limit();
    mk.netns = mk_netns_of_self();
    for (int i = 1; i < argc; i++)
        mk_run(&mk, argv[i]);
    say_ready();
    while (getline(&line, &size, stdin) >= 0) {
        mk_run(&mk, line);
        say_ready();
    }
    free(line);
    mk_processes_end(&mk);
    return 0;
}
