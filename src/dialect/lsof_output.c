/* The values of the options that say what is shown, how, and how often: -F, -T, +f, -r; and which
 * output comes of them.
 *
 * Each of -F, -T and +f changes what the ones before it asked for, as with lsof: -F alone and -FT
 * tell of states and queues, a -T behind them of its own letters.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/lsof.h"

enum { REPEAT_S = 15 };

/* The letters of -F?, but for 0, and those of other systems. */
static const char field_letters[] = "acCdDfFGikKlLmMnNopgPrRsStTuzZ";

static void take_all_fields(struct lsof_words *w)
{
    w->all_fields = true;
    w->info |= LSOF_INFO_STATE | LSOF_INFO_QUEUES;
}

static bool take_field(struct lsof_words *w, char letter)
{
    size_t n = strlen(w->fields);
    if (letter == '0')
        return w->nul = true;
    if (!strchr(field_letters, letter))
        return lsof_fault("unknown field: %c", letter);
    if (letter == 'T')
        w->info |= LSOF_INFO_STATE | LSOF_INFO_QUEUES;
    else if (letter == 'G')
        w->show_flags = 'G';
    else if (letter == 'o')
        w->offset = true;
    if (!strchr(w->fields, letter))
        w->fields[n] = letter, w->fields[n + 1] = '\0';
    return true;
}

bool lsof_fields_read(struct lsof_words *w, const char *value)
{
    bool ok = true;
    if (value && strcmp(value, "?") == 0)
        return w->fields_help = true;
    w->asked |= 1u << LSOF_FIELDS;
    if (!value || strcmp(value, "0") == 0) {
        take_all_fields(w);
        w->show_flags = 'G';
    }
    for (const char *c = value ? value : ""; *c; c++)
        ok &= take_field(w, *c);
    return ok;
}

bool lsof_info_read(struct lsof_words *w, char sign, const char *value)
{
    static const char letters[] = "sqfw"; /* in the order of LSOF_INFO_… */
    bool ok = true;
    w->info = !value && sign == '+' ? LSOF_INFO_STATE : 0;
    for (const char *c = value ? value : ""; *c; c++) {
        const char *found = strchr(letters, *c);
        if (found)
            w->info |= 1u << (found - letters);
        else
            ok = lsof_fault("unsupported TCP/TPI info selection: %c", *c);
    }
    return ok;
}

bool lsof_flags_read(struct lsof_words *w, char sign, const char *value)
{
    bool ok = true;
    for (const char *c = value ? value : ""; *c; c++) {
        if (strchr("gG", *c))
            w->show_flags = sign == '+' ? *c : 0;
        else
            ok = lsof_fault("unknown file struct option: %c", *c);
    }
    return ok;
}

/* [seconds][c<times>|m<format>] */
size_t lsof_repeat_length(const char *value)
{
    size_t n = strspn(value, "0123456789");
    bool more = value[n] == 'm' || (value[n] == 'c' && isdigit((unsigned char)value[n + 1]));
    return more ? strlen(value) : n;
}

void lsof_repeat_read(struct lsof_words *w, char sign, const char *value)
{
    char *at = (char *)(value ? value : "");
    w->repeat_until_none = sign == '+';
    w->repeat_s = REPEAT_S;
    if (isdigit((unsigned char)*at))
        w->repeat_s = (unsigned)strtoul(at, &at, 10);
    w->repeat = w->repeat_s > 0;
    if (*at == 'c') {
        w->repeat_count = (unsigned)strtoul(at + 1, &at, 10);
        w->repeat_counted |= *at != 'm';
    }
    if (*at == 'm')
        w->marker = at + 1;
}

static bool check_marker(const struct lsof_words *w)
{
    if (w->marker && !*w->marker)
        return lsof_fault("illegal <fmt>: \"\"");
    const char *at = w->asked >> LSOF_FIELDS & 1 && w->marker ? w->marker : "";
    for (; (at = strchr(at, '%')); at += 2) {
        if (at[1] == 'n')
            return lsof_fault("%%n illegal in -r m<fmt> when -F has been specified: \"%s\"",
                              w->marker);
        if (!at[1])
            break;
    }
    return true;
}

bool lsof_output_settle(struct lsof_words *w)
{
    unsigned json = w->asked & (1u << LSOF_JSON | 1u << LSOF_JSON_LINES);
    bool terse = w->asked >> LSOF_TERSE & 1, fields = w->asked >> LSOF_FIELDS & 1, ok = true;
    if (fields && terse)
        ok = lsof_fault("-F and -t are mutually exclusive");
    ok &= check_marker(w);
    if (json == (1u << LSOF_JSON | 1u << LSOF_JSON_LINES))
        ok = lsof_fault("-J and -j are mutually exclusive");
    if (json && terse)
        ok = lsof_fault("-J/-j and -t are mutually exclusive");
    w->output = json >> LSOF_JSON & 1 ? LSOF_JSON
                : json                ? LSOF_JSON_LINES
                : terse               ? LSOF_TERSE
                : fields              ? LSOF_FIELDS
                                      : LSOF_TABLE;
    /* With no field that says something, JSON has them all. */
    if (json && !w->all_fields && strspn(w->fields, "pm") == strlen(w->fields)) {
        take_all_fields(w);
        w->show_flags = w->show_flags ? w->show_flags : 'g';
    }
    return ok;
}
