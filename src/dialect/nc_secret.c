/* Secrets that nc asks the terminal for: readpassphrase(3) of libbsd, which is opened when it is
 * needed, since berth needs nothing else of it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/nc.h"

enum { ECHO_OFF = 0, REQUIRE_TTY = 2, SECRET_MAX = 256 }; /* as readpassphrase(3) has them */

char *nc_ask_secret(const char *prompt)
{
    char *(*ask)(const char *, char *, size_t, int);
    void *bsd = dlopen("libbsd.so.0", RTLD_NOW | RTLD_LOCAL);
    void *symbol = bsd ? dlsym(bsd, "readpassphrase") : NULL;
    char word[SECRET_MAX];
    char *kept = NULL;

    if (symbol) {
        memcpy(&ask, &symbol, sizeof(ask));
        if (ask(prompt, word, sizeof(word), ECHO_OFF | REQUIRE_TTY))
            kept = strdup(word);
        explicit_bzero(word, sizeof(word));
    }
    if (bsd)
        dlclose(bsd);
    return kept;
}
