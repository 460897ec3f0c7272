#include "base/words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* One character, or a quoted piece, from *at to *to. -EINVAL for what has no end. */
static int take(const char **at, char **to)
{
    char quote = **at;
    if (quote == '\\') {
        if (!(*at)[1])
            return -EINVAL;
        *(*to)++ = (*at)[1];
        *at += 2;
        return 0;
    }
    if (quote != '\'' && quote != '"') {
        *(*to)++ = *(*at)++;
        return 0;
    }
    for ((*at)++; **at && **at != quote; (*at)++) {
        if (quote == '"' && **at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\'))
            (*at)++;
        *(*to)++ = **at;
    }
    if (!**at)
        return -EINVAL;
    (*at)++;
    return 0;
}

int words_split(const char *text, char ***ret)
{
    size_t n = strlen(text), most = n / 2 + 2;
    char **words = malloc(most * sizeof *words + n + 1);
    if (!words)
        return -ENOMEM;
    char *to = (char *)(words + most);
    size_t count = 0;
    for (const char *at = text;;) {
        while (is_blank(*at))
            at++;
        if (!*at)
            break;
        words[count++] = to;
        while (*at && !is_blank(*at)) {
            int result = take(&at, &to);
            if (result < 0) {
                free((void *)words);
                return result;
            }
        }
        *to++ = '\0';
    }
    words[count] = NULL;
    if (count == 0) {
        free((void *)words);
        return -EINVAL;
    }
    *ret = words;
    return 0;
}
