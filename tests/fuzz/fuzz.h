/* What every fuzz target has: one function that libFuzzer calls, and a check that ends the run.
 *
 * A target is tests/fuzz/fuzz_NAME.c with a corpus in tests/fuzz/corpus/NAME. It is always built
 * with replay.c, which feeds it the corpus as a normal test. `meson setup -Dfuzz=true` with clang
 * builds libFuzzer's own program beside it:
 *     build/tests/fuzz/libfuzzer_NAME tests/fuzz/corpus/NAME
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_check(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}
