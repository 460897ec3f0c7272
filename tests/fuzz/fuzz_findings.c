/* A saved host may hold anything: looking it over ends, and each finding has words. */
#include <string.h>

#include "base/err.h"
#include "base/vec.h"
#include "fuzz.h"
#include "net/facts.h"
#include "predict/findings.h"
#include "store/facts_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct findings_how how = {0};
    struct vec findings = VEC_INIT(struct finding);
    struct facts facts;
    struct err e;
    facts_init(&facts);
    if (facts_read((const char *)data, size, &facts, &e) == 0) {
        fuzz_check(findings_find(&facts, &how, &findings) == 0, "there is memory");
        for (size_t i = 0; i < findings.len; i++) {
            const struct finding *f = vec_at(&findings, i);
            fuzz_check(f->title[0] && f->evidence[0] && f->remedy[0], "it is told in words");
            fuzz_check(!strchr(f->title, '\n'), "the title is a line");
        }
    }
    findings_free(&findings);
    facts_clear(&facts);
    return 0;
}
