/* The texts of /proc about descriptors: fdinfo, and the lists of UNIX and packet sockets. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fuzz.h"
#include "kernel/descriptor.h"

static void parse(const uint8_t *data, size_t size, int (*take)(char *text, struct hash *ret))
{
    struct hash numbers = {0};
    char *text = malloc(size + 1);
    if (!text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    fuzz_check(take(text, &numbers) == 0, "any text is read");
    hash_free(&numbers);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t flags = 1;
    char *text = strndup((const char *)data, size);
    if (text && descriptor_parse_flags(text, &flags) < 0)
        fuzz_check(flags == 1, "unchanged on failure");
    free(text);
    parse(data, size, descriptor_parse_unix);
    parse(data, size, descriptor_parse_packet);
    return 0;
}
