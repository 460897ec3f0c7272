/* lsof's command line: letters behind - or +, whose values may stand in the same word or in the
 * next.
 *
 * One row of `letters` a letter. Every fault is told before the run ends, as lsof tells them.
 */
#include <limits.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/lsof.h"

enum { COMMAND_WIDTH = 9, REPEAT_S = 15 };

bool lsof_fault(const char *format, ...)
{
    _cleanup_buf_ struct buf shown = BUF_INIT(8 << 10);
    char line[4 << 10];
    va_list words;
    va_start(words, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line before */
    vsnprintf(line, sizeof line, format, words);
    va_end(words);
    lsof_printable(&shown, line, strlen(line), false);
    fprintf(stderr, "lsof: %s\n", buf_cstr(&shown));
    return false;
}

/* One letter with its value, NULL where there is none; sign is '-' or '+'. False after a message.
 */
static bool take_a(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->and = true;
}

static bool take_c(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_command_read(w, value);
}

static bool take_width(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_width_read(w, value);
}

static bool take_directory(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign;
    if (*value == '-' || *value == '+')
        return lsof_fault("+d not followed by a directory path");
    return lsof_fault("+d %s: selecting plain files is not berth's job: it lists sockets", value);
}

static bool take_d(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_list_read(w, value, LSOF_FD_LIST);
}

/* The device cache, which the original hasn't got on Linux. */
static bool take_D(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign, (void)value;
    return lsof_fault("unsupported option: -D");
}

static bool take_E(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->endpoints = sign == '+' ? LSOF_LIST_ENDPOINTS : LSOF_SHOW_ENDPOINTS;
    return true;
}

static bool is_mounted(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    struct mntent entry;
    char line[PATH_MAX + 1024];
    bool found = false;
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    while (mounts && !found && getmntent_r(mounts, &entry, line, sizeof line))
        found = strlen(entry.mnt_dir) == n && memcmp(entry.mnt_dir, path, n) == 0;
    if (mounts)
        endmntent(mounts);
    return found;
}

/* A file system that the original isn't to ask; with + it doesn't follow links there. */
static bool take_e(struct lsof_words *w, char sign, const char *value)
{
    (void)w;
    if (*value != '/')
        return lsof_fault("-e not followed by a file system path: \"%s\"", value);
    char *real = sign == '-' ? realpath(value, NULL) : NULL;
    const char *path = real ? real : value;
    bool ok = is_mounted(path) || lsof_fault("\"-e %s\" is not a mounted file system.", path);
    free(real);
    return ok;
}

static bool take_F(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_fields_read(w, value);
}

static bool take_g(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    w->show_group = true;
    return !value || lsof_list_read(w, value, LSOF_GROUP_LIST);
}

static bool take_i(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    if (value)
        return lsof_address_read(w, value);
    w->net = true;
    w->net_family = AF_UNSPEC;
    return true;
}

static bool take_j(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->asked |= 1u << LSOF_JSON_LINES;
    return sign == '-' || lsof_fault("+j is not supported");
}

static bool take_J(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->asked |= 1u << LSOF_JSON;
    return sign == '-' || lsof_fault("+J is not supported");
}

static bool take_K(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign;
    return !value || strcmp(value, "i") == 0 ||
           lsof_fault("-K not followed by i (but by %s)", value);
}

static bool take_l(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->numeric_users = true;
}

static bool take_L(struct lsof_words *w, char sign, const char *value)
{
    w->show_links = sign == '+';
    if (value && sign == '-')
        return lsof_fault("no number may follow -L");
    return !value || strtoul(value, NULL, 10) == 0 ||
           lsof_fault("+L%s: selecting plain files is not berth's job: it lists sockets", value);
}

static bool take_m(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)value;
    return lsof_fault(sign == '-' ? "-m not supported"
                                  : "+m: listing mounts is not berth's job: it lists sockets");
}

static bool take_n(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->numeric_hosts = sign == '-';
    return true;
}

static bool take_N(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->nfs = true;
}

static bool take_o(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    w->offset |= !value;
    return true;
}

static bool take_p(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_list_read(w, value, LSOF_PID_LIST);
}

static bool take_P(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->numeric_ports = sign == '-';
    return true;
}

static bool take_Q(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->quiet_search = true;
}

static bool take_r(struct lsof_words *w, char sign, const char *value)
{
    lsof_repeat_read(w, sign, value);
    return true;
}

static bool take_R(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->show_parent = true;
}

static bool take_s(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    w->size |= !value;
    return !value || lsof_states_read(w, value);
}

static bool take_S(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    if (value && strtoul(value, NULL, 10) < 2 && !w->no_warnings)
        lsof_fault("WARNING: -S time (%s) changed to 2", value);
    return true;
}

static bool take_t(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    w->asked |= 1u << LSOF_TERSE;
    return w->no_warnings = true;
}

static bool take_u(struct lsof_words *w, char sign, const char *value)
{
    (void)sign;
    return lsof_list_read(w, value, LSOF_USER_LIST);
}

static bool take_U(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->unix_sockets = true;
}

static bool take_V(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->verbose = true;
}

static bool take_v(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->version = true;
}

static bool take_w(struct lsof_words *w, char sign, const char *value)
{
    (void)value;
    w->no_warnings = sign == '-';
    return true;
}

static bool take_x(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign, (void)value;
    return lsof_fault("-x must accompany +d or +D");
}

static bool take_X(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign, (void)value;
    return lsof_fault("-X would skip the sockets that berth lists");
}

static bool take_Z(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign, (void)value;
    return lsof_fault("-Z limited to SELinux");
}

static bool take_help(struct lsof_words *w, char sign, const char *value)
{
    (void)sign, (void)value;
    return w->help = true;
}

static bool ignore(struct lsof_words *w, char sign, const char *value)
{
    (void)w, (void)sign, (void)value;
    return true;
}

enum value { NONE, NEEDED, OPTIONAL };

static size_t digits(const char *value)
{
    return strspn(value, "0123456789");
}

static const struct letter {
    char letter;
    enum value value;
    const char *begins;  /* the value's first character, if not any */
    const char *missing; /* the message */
    bool (*take)(struct lsof_words *w, char sign, const char *value);
    size_t (*length)(const char *value); /* of the value: letters follow. NULL: all of the word */
    char sign;                           /* that it stands behind; 0 either */
} letters[] = {
    {'a', NONE, NULL, NULL, take_a},
    {'b', NONE, NULL, NULL, ignore}, /* nothing here blocks */
    {'c', NEEDED, NULL, "missing -c option value", take_c, NULL, '-'},
    {'c', NEEDED, "0123456789", "+c not followed by width number", take_width, NULL, '+'},
    {'d', NEEDED, NULL, "no file descriptor specified", take_d, NULL, '-'},
    {'d', NEEDED, NULL, "+d not followed by a directory path", take_directory, NULL, '+'},
    {'D', NEEDED, NULL, "unsupported option: -D", take_D, NULL, '-'},
    {'D', NEEDED, NULL, "+d not followed by a directory path", take_directory, NULL, '+'},
    {'e', NEEDED, NULL, "-e not followed by a file system path", take_e},
    {'E', NONE, NULL, NULL, take_E},
    {'f', OPTIONAL, "cfgGn", NULL, lsof_flags_read},
    {'F', OPTIONAL, NULL, NULL, take_F},
    {'g', OPTIONAL, NULL, NULL, take_g},
    {'h', NONE, NULL, NULL, take_help},
    {'?', NONE, NULL, NULL, take_help},
    {'i', OPTIONAL, NULL, NULL, take_i},
    {'j', NONE, NULL, NULL, take_j},
    {'J', NONE, NULL, NULL, take_J},
    {'K', OPTIONAL, NULL, NULL, take_K},
    {'l', NONE, NULL, NULL, take_l},
    {'L', OPTIONAL, "0123456789", NULL, take_L, digits},
    {'m', NONE, NULL, NULL, take_m},
    {'M', NONE, NULL, NULL, ignore}, /* the portmapper isn't asked */
    {'n', NONE, NULL, NULL, take_n},
    {'N', NONE, NULL, NULL, take_N},
    {'o', OPTIONAL, "0123456789", NULL, take_o, digits},
    {'O', NONE, NULL, NULL, ignore},
    {'p', NEEDED, NULL, "no process ID specified", take_p},
    {'P', NONE, NULL, NULL, take_P},
    {'Q', NONE, NULL, NULL, take_Q},
    {'r', OPTIONAL, "0123456789cm", NULL, take_r, lsof_repeat_length},
    {'R', NONE, NULL, NULL, take_R},
    {'s', OPTIONAL, NULL, NULL, take_s},
    {'S', OPTIONAL, "0123456789", NULL, take_S, digits},
    {'t', NONE, NULL, NULL, take_t},
    {'T', OPTIONAL, NULL, NULL, lsof_info_read},
    {'u', NEEDED, NULL, "no UIDs specified", take_u},
    {'U', NONE, NULL, NULL, take_U},
    {'v', NONE, NULL, NULL, take_v},
    {'V', NONE, NULL, NULL, take_V},
    {'w', NONE, NULL, NULL, take_w},
    {'x', OPTIONAL, "fl", NULL, take_x},
    {'X', NONE, NULL, NULL, take_X},
    {'Z', OPTIONAL, NULL, NULL, take_Z},
};

static const struct letter *find_letter(char sign, char c)
{
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].letter == c && (!letters[i].sign || letters[i].sign == sign))
            return &letters[i];
    return NULL;
}

/* The value of a letter: the rest of its word, or the next word. */
static const char *find_value(const struct letter *l, const char *rest, char **next)
{
    const char *from = *rest ? rest : *next;
    if (l->value == NONE || !from || (l->value == OPTIONAL && (*from == '-' || *from == '+')))
        return NULL;
    return l->begins && !strchr(l->begins, *from) ? NULL : from;
}

/* The letters of one word; *at moves on to the last word that was used. */
static bool take_word(struct lsof_words *w, char **words, int *at)
{
    const char *word = words[*at];
    bool ok = true;
    for (const char *c = word + 1; *c; c++) {
        const struct letter *l = find_letter(*word, *c);
        if (!l) {
            ok = lsof_fault("illegal option character: %c", *c);
            continue;
        }
        const char *value = find_value(l, c + 1, &words[*at + 1]);
        bool next_word = value && value != c + 1;
        *at += next_word;
        if (l->value == NEEDED && !value)
            ok = lsof_fault("%s", l->missing);
        else
            ok &= l->take(w, *word, value && l->begins && !*value ? NULL : value);
        if (value && (next_word || !l->length))
            break;
        c += value ? l->length(value) : 0;
    }
    return ok;
}

/* A sign by itself is a name. */
static bool has_letters(const char *word)
{
    return (*word == '-' || *word == '+') && word[1];
}

static bool take_words(struct lsof_words *w, int n, char **words)
{
    bool ok = true;
    int i = 0;
    for (; i < n && has_letters(words[i]); i++) {
        if (strcmp(words[i], "--") == 0) {
            i++;
            break;
        }
        ok &= take_word(w, words, &i);
    }
    for (; i < n; i++) {
        struct lsof_path name = {.path = words[i]};
        ok &= vec_add(&w->names, &name) == 0 || lsof_fault("no more memory");
    }
    return ok;
}

/* What contradicts itself: all of it is told. */
static bool check(struct lsof_words *w)
{
    bool ok = lsof_commands_agree(w);
    ok &= lsof_states_agree(w);
    if (w->offset && w->size)
        ok = lsof_fault("-o and -s are mutually exclusive");
    ok &= lsof_output_settle(w);
    if (ok && w->and &&!lsof_selects_processes(w) && !lsof_selects_files(w))
        return lsof_fault("no select options to AND via -a");
    return ok;
}

int lsof_words_read(struct lsof_words *w, int n, char **words)
{
    *w = (struct lsof_words){
        .pids = VEC_INIT(struct lsof_number),
        .groups = VEC_INIT(struct lsof_number),
        .uids = VEC_INIT(struct lsof_number),
        .commands = VEC_INIT(struct lsof_command_term),
        .addresses = VEC_INIT(struct lsof_address),
        .states = VEC_INIT(struct lsof_state),
        .fds = VEC_INIT(struct lsof_fds),
        .names = VEC_INIT(struct lsof_path),
        .info = LSOF_INFO_STATE,
        .command_width = COMMAND_WIDTH,
    };
    bool ok = take_words(w, n, words);
    ok &= check(w);
    if (ok)
        return 0;
    lsof_usage();
    return 1;
}

void lsof_words_clear(struct lsof_words *w)
{
    for (size_t i = 0; i < w->commands.len; i++) {
        struct lsof_command_term *t = vec_at(&w->commands, i);
        if (t->is_regex)
            regfree(&t->regex);
    }
    for (size_t i = 0; i < w->addresses.len; i++) {
        struct lsof_address *a = vec_at(&w->addresses, i);
        vec_free(&a->hosts);
        vec_free(&a->ports);
    }
    struct vec *all[] = {&w->pids,      &w->groups, &w->uids, &w->commands,
                         &w->addresses, &w->states, &w->fds,  &w->names};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vec_free(all[i]);
}
