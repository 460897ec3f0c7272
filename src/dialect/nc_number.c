#include "dialect/nc_number.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

const char *nc_number(const char *word, long long min, long long max, long long *ret)
{
    char *end;

    errno = 0;
    long long n = strtoll(word, &end, 10);
    if (end == word || *end)
        return "invalid";
    if ((n == LLONG_MIN && errno == ERANGE) || n < min)
        return "too small";
    if ((n == LLONG_MAX && errno == ERANGE) || n > max)
        return "too large";
    *ret = n;
    return NULL;
}
