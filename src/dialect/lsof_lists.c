/* The values of -p, -g, -u, -d and -c: lists of what to select, and with ^ of what to leave out. */
#include <stdlib.h>
#include <string.h>

#include "dialect/lsof.h"
#include "names/users.h"

enum { COMMAND_MAX = 15 };

static bool no_memory(void)
{
    return lsof_fault("no more memory");
}

/* One entry of a list, which the messages of some quote whole. */
typedef bool take_entry(struct lsof_words *w, const char *entry, const char *list);

/* Calls take for each entry of a list separated by commas, empty ones left out. */
static bool each(struct lsof_words *w, const char *list, take_entry *take)
{
    char *copy = strdup(list), *rest = copy;
    bool ok = copy || no_memory();
    for (char *entry; ok && (entry = strsep(&rest, ","));)
        ok = !*entry || take(w, entry, list);
    free(copy);
    return ok;
}

static bool add_number(struct vec *list, int64_t value, bool exclude, const char *what)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct lsof_number *other = vec_at(list, i);
        if (other->value != value)
            continue;
        return other->exclude == exclude ||
               lsof_fault("%s %lld has been included and excluded.", what, (long long)value);
    }
    struct lsof_number n = {.value = value, .exclude = exclude};
    return vec_add(list, &n) == 0 || no_memory();
}

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool take_id(struct vec *ids, const char *entry, const char *list, const char *what,
                    const char *full)
{
    const char *digits = entry + (*entry == '^');
    if (!is_digits(digits))
        return lsof_fault("illegal %s: %s", full, list);
    return add_number(ids, strtoll(digits, NULL, 10), *entry == '^', what);
}

static bool take_pid(struct lsof_words *w, const char *entry, const char *list)
{
    return take_id(&w->pids, entry, list, "PID", "process ID");
}

static bool take_group(struct lsof_words *w, const char *entry, const char *list)
{
    return take_id(&w->groups, entry, list, "PGID", "process group ID");
}

static bool take_user(struct lsof_words *w, const char *entry, const char *list)
{
    (void)list;
    const char *name = entry + (*entry == '^');
    uint32_t uid;
    if (is_digits(name))
        uid = (uint32_t)strtoul(name, NULL, 10);
    else if (users_uid(name, &uid) < 0)
        return lsof_fault("can't get UID for %s", name);
    return add_number(&w->uids, uid, *entry == '^', "UID");
}

static bool take_fd_range(struct lsof_fds *f, const char *entry)
{
    const char *dash = strchr(entry, '-');
    if (!dash && is_digits(entry)) {
        f->first = f->last = strtoll(entry, NULL, 10);
        return true;
    }
    if (!dash) { /* cwd, txt …; 3u is such a name, too */
        *f = (struct lsof_fds){-1, -1};
        if (strcmp(entry, "fd") == 0)
            *f = (struct lsof_fds){0, INT32_MAX};
        return true;
    }
    if (dash == entry)
        return lsof_fault("illegal FD range for -d: %s", entry);
    if (strspn(entry, "0123456789") != (size_t)(dash - entry) ||
        dash[1 + strspn(dash + 1, "0123456789")])
        return lsof_fault("non-digit in -d FD range: %s", entry);
    f->first = strtoll(entry, NULL, 10);
    f->last = strtoll(dash + 1, NULL, 10);
    return f->first < f->last || lsof_fault("-d FD range's low >= its high: %s", entry);
}

static bool take_fd(struct lsof_words *w, const char *entry, const char *list)
{
    (void)list;
    struct lsof_fds f;
    bool exclude = *entry == '^';
    if (w->fds_given && exclude != w->fds_exclude)
        return lsof_fault(exclude ? "exclude in an include -d list: %s"
                                  : "include in an exclude -d list: %s",
                          entry);
    w->fds_given = true;
    w->fds_exclude = exclude;
    return take_fd_range(&f, entry + exclude) && (vec_add(&w->fds, &f) == 0 || no_memory());
}

bool lsof_list_read(struct lsof_words *w, const char *list, enum lsof_list what)
{
    static take_entry *const takes[] = {
        [LSOF_PID_LIST] = take_pid,
        [LSOF_GROUP_LIST] = take_group,
        [LSOF_USER_LIST] = take_user,
        [LSOF_FD_LIST] = take_fd,
    };
    if (what == LSOF_FD_LIST && !*list)
        return lsof_fault("no file descriptor specified");
    return each(w, list, takes[what]);
}

/* Each of b, i and x once, and not both b and x. */
static bool read_modifiers(const char *modifiers, const char *text, int *flags)
{
    static const char letters[] = "bix";
    unsigned times[sizeof letters] = {0};
    bool ok = true;
    for (const char *c = modifiers; *c; c++) {
        const char *letter = strchr(letters, *c);
        if (!letter)
            ok = lsof_fault("invalid regexp modifier: %c", *c);
        else if (++times[letter - letters] == 2)
            ok = lsof_fault("%c regexp modifier already used: %s", *c, text);
        else if (times[letter - letters] == 1 && *c != 'i' && times[*c == 'b' ? 2 : 0])
            ok = lsof_fault("b and x regexp modifiers conflict: %s", text);
    }
    *flags = REG_NOSUB | (times[0] ? 0 : REG_EXTENDED) | (times[1] ? REG_ICASE : 0);
    return ok;
}

/* /expression/[bix] */
static bool read_expression(struct lsof_command_term *t, const char *text)
{
    const char *end = strrchr(text + 1, '/');
    int flags;
    if (!end)
        return lsof_fault("regexp doesn't end with '/': %s", text);
    if (!read_modifiers(end + 1, text, &flags))
        return false;
    t->text = text + 1;
    t->n = (size_t)(end - t->text);
    char *expression = strndup(t->text, t->n);
    if (!expression)
        return no_memory();
    char why[128];
    int r = regcomp(&t->regex, expression, flags);
    free(expression);
    if (r == 0)
        return t->is_regex = true;
    regerror(r, &t->regex, why, sizeof why);
    return lsof_fault("regexp error: %s: %s", text, why);
}

/* In the order in which they are tried: names, the latest first, and then expressions. */
static bool add_command(struct vec *terms, const struct lsof_command_term *t)
{
    struct lsof_command_term *last = vec_push(terms), *first = terms->items;
    if (!last)
        return no_memory();
    if (!t->is_regex)
        memmove(first + 1, first, (terms->len - 1) * sizeof *t);
    *(t->is_regex ? last : first) = *t;
    return true;
}

bool lsof_command_read(struct lsof_words *w, const char *value)
{
    struct lsof_command_term t = {.exclude = *value == '^'};
    if (*value == '-' || *value == '+')
        return lsof_fault("missing -c option value");
    t.text = value + t.exclude;
    t.n = strlen(t.text);
    if (*value == '/' && !read_expression(&t, value))
        return false;
    if (!t.is_regex && t.n > COMMAND_MAX)
        return lsof_fault("\"-c %s\" length (%zu) > what system provides (%d)", t.text, t.n,
                          COMMAND_MAX);
    return add_command(&w->commands, &t);
}

static bool has_command(const struct lsof_words *w, const struct lsof_command_term *t)
{
    for (size_t i = 0; i < w->commands.len; i++) {
        const struct lsof_command_term *o = vec_at(&w->commands, i);
        if (!o->is_regex && !o->exclude && o->n == t->n && !memcmp(o->text, t->text, t->n))
            return true;
    }
    return false;
}

bool lsof_commands_agree(const struct lsof_words *w)
{
    bool ok = true;
    for (size_t i = 0; i < w->commands.len; i++) {
        const struct lsof_command_term *t = vec_at(&w->commands, i);
        if (t->exclude && !t->is_regex && has_command(w, t))
            ok = lsof_fault("-c^%s and -c%s conflict.", t->text, t->text);
    }
    return ok;
}

bool lsof_width_read(struct lsof_words *w, const char *value)
{
    unsigned long width = strtoul(value, NULL, 10);
    if (width > COMMAND_MAX)
        return lsof_fault("+c %lu > what system provides (%d)", width, COMMAND_MAX);
    w->command_width = (unsigned)width;
    return true;
}
