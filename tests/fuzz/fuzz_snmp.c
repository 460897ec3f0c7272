/* Counters of /proc/net: any bytes; a name that was found ends and has no odd characters. */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "kernel/snmp.h"

static int check(void *ctx, const char *name, uint64_t value)
{
    size_t *n = ctx;
    size_t length = strnlen(name, SNMP_NAME_MAX);
    (void)value;
    fuzz_check(length > 0 && length < SNMP_NAME_MAX, "the name ends");
    for (size_t i = 0; i < length; i++)
        fuzz_check(isalnum((unsigned char)name[i]) || name[i] == '.' || name[i] == '_',
                   "the name is letters and digits");
    return ++*n > 100000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    fuzz_check(snmp_parse((const char *)data, size, check, &n) >= 0, "parsing doesn't fail");
    fuzz_check(n <= size, "no counter comes from nothing");
    return 0;
}
