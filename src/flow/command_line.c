#include "flow/command_line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Copies what stands between two quotes behind *to; *from stands behind the first, and then behind
 * the second. False if there is none. */
static bool copy_quoted(const char **from, char **to)
{
    char quote = (*from)[-1];
    for (; **from != quote; (*from)++) {
        if (**from == '\0')
            return false;
        if (quote == '"' && **from == '\\' && ((*from)[1] == '"' || (*from)[1] == '\\'))
            (*from)++;
        *(*to)++ = **from;
    }
    (*from)++;
    return true;
}

static bool copy_word(const char **from, char **to)
{
    while (**from && !is_blank(**from)) {
        char c = *(*from)++;
        if (c == '\'' || c == '"') {
            if (!copy_quoted(from, to))
                return false;
        } else if (c == '\\' && **from) {
            *(*to)++ = *(*from)++;
        } else {
            *(*to)++ = c;
        }
    }
    *(*to)++ = '\0';
    return true;
}

int command_line_cut(const char *text, char ***ret)
{
    size_t length = strlen(text), most = length / 2 + 2; /* words, and NULL */
    char **words = malloc(most * sizeof *words + length + 1);
    if (!words)
        return -ENOMEM;
    char *to = (char *)(words + most);
    size_t n = 0;
    for (;;) {
        while (is_blank(*text))
            text++;
        if (!*text)
            break;
        words[n++] = to;
        if (!copy_word(&text, &to)) {
            free(words);
            return -EINVAL;
        }
    }
    if (n == 0) {
        free(words);
        return -EINVAL;
    }
    words[n] = NULL;
    *ret = words;
    return 0;
}
