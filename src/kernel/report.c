/* The notes of a read: what could not be seen, each told once. */
#include "kernel/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A hostile host can make a read fail in many ways; nobody reads more notes than this. */
enum { NOTES_MAX = 64 };

void source_report_init(struct source_report *r)
{
    *r = (struct source_report){.notes = VEC_INIT(struct source_note)};
}

void source_report_clear(struct source_report *r)
{
    vec_free(&r->notes);
}

void source_report_note(struct source_report *r, bool permission, const char *format, ...)
{
    struct source_note note = {.permission = permission};
    va_list ap;
    va_start(ap, format);
    vsnprintf(note.text, sizeof note.text, format, ap);
    va_end(ap);

    for (size_t i = 0; i < r->notes.len; i++) {
        struct source_note *old = vec_at(&r->notes, i);
        if (strcmp(old->text, note.text) == 0) {
            old->permission |= permission;
            return;
        }
    }
    if (r->notes.len < NOTES_MAX)
        (void)vec_add(&r->notes, &note); /* without memory a note is the least that is missing */
}
