#include "flow/sandbox.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "flow/module.h"
#include "flow/sandbox_module.h"

int sandbox_enter(const struct sandbox *s, struct sandbox_done *ret, struct err *e)
{
    const void *symbol;
    int result = module_open(SANDBOX_MODULE_FILE, SANDBOX_MODULE_SYMBOL, "the sandbox", &symbol, e);
    if (result < 0)
        return result;
    const struct sandbox_module *module = symbol;
    if (strcmp(module->version, BERTH_VERSION) != 0)
        return err_word(e, ELIBBAD, "load what is needed for", "the sandbox",
                        "%s is of another version (%s) than this berth (%s)", SANDBOX_MODULE_FILE,
                        module->version, BERTH_VERSION);
    return module->enter(s, ret, e);
}

void sandbox_clear(struct sandbox *s)
{
    for (size_t i = 0; i < s->places.len; i++) {
        struct sandbox_place *place = vec_at(&s->places, i);
        if (!place->path)
            fd_close(&place->fd);
    }
    vec_free(&s->places);
    vec_free(&s->ports);
}
