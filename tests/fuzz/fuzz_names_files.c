/* The texts of nsswitch.conf, hosts and gai.conf: what is told apart by the first byte. */
#include <string.h>

#include "fuzz.h"
#include "names/origin.h"
#include "net/rfc6724.h"

static void check_sources(const char *text, size_t n)
{
    struct origin_sources s;
    origin_parse_nsswitch(text, n, &s);
    fuzz_check(s.n <= ORIGIN_SOURCES, "no more sources than there is room for");
    for (size_t i = 0; i < s.n; i++)
        fuzz_check(s.names[i][0] && memchr(s.names[i], '\0', sizeof s.names[i]),
                   "a source has a name that ends");
    fuzz_check(memchr(s.line, '\0', sizeof s.line) != NULL, "the line ends");
}

static void check_hosts(const char *text, size_t n)
{
    struct net_addr a = {.family = AF_INET, .bytes = {127, 0, 0, 1}};
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    fuzz_check(origin_find_host(text, n, "localhost", &a, true, 0) <= lines,
               "it is one of the lines");
}

static void check_tables(const char *text, size_t n)
{
    struct rfc6724_tables t;
    struct net_addr a = {.family = AF_INET6, .bytes = {0x20, 1}};
    rfc6724_defaults(&t);
    rfc6724_configure(&t, text, n);
    fuzz_check(t.labels.n <= RFC6724_ROWS && t.precedences.n <= RFC6724_ROWS &&
                   t.scopes.n <= RFC6724_ROWS,
               "no more rows than there is room for");
    fuzz_check(rfc6724_label(&t, &a) >= 0 && rfc6724_precedence(&t, &a) >= 0, "values are values");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    if (size == 0)
        return 0;
    if (*data == 'n')
        check_sources(text, size - 1);
    else if (*data == 'h')
        check_hosts(text, size - 1);
    else
        check_tables(text, size - 1);
    return 0;
}
