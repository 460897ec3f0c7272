#include "base/cell.h"

#include <string.h>

void cell_set_text(struct cell *ret, const char *text)
{
    if (!text || !*text)
        return;
    ret->presence = KNOWN;
    ret->text.bytes = text;
    ret->text.n = strlen(text);
}
