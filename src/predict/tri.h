/* Yes, no, and what can't be known from the facts at hand. */
#pragma once
#include <stdbool.h>

enum tri { TRI_NO, TRI_YES, TRI_MAYBE };

static inline enum tri tri_of(bool b)
{
    return b ? TRI_YES : TRI_NO;
}

static inline enum tri tri_not(enum tri a)
{
    return a == TRI_MAYBE ? TRI_MAYBE : tri_of(a == TRI_NO);
}

static inline enum tri tri_and(enum tri a, enum tri b)
{
    if (a == TRI_NO || b == TRI_NO)
        return TRI_NO;
    return a == TRI_YES && b == TRI_YES ? TRI_YES : TRI_MAYBE;
}

static inline enum tri tri_or(enum tri a, enum tri b)
{
    return tri_not(tri_and(tri_not(a), tri_not(b)));
}
