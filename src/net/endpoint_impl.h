/* What the files of the endpoint parser share. */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "net/endpoint.h"

struct endpoint_parser {
    const char *word; /* all of it, for messages */
    unsigned accepts;
    bool scheme_given;
    struct endpoint ep;
    struct err *e;
};

/* Fills the error with this hint; always -EINVAL. */
int endpoint_fault(struct endpoint_parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A part of the word; `at` is NULL where there is none. */
struct endpoint_span {
    const char *at;
    size_t n;
};

/* False if the part, with its end, is longer than `size`. */
bool endpoint_copy(char *to, size_t size, struct endpoint_span from);

/* The name of the scheme (or "listen") that a word resembles, or NULL. */
const char *endpoint_scheme_near(const char *word, size_t n);

/* "HOST:PORT" and its relatives. */
int endpoint_parse_inet(struct endpoint_parser *p, const char *text);
