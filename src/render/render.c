/* The front of the renderers: hands rows to the one that was chosen, and flushes between them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "render/writer.h"

static const struct render_writer *const writers[] = {
    [RENDER_TABLE] = &render_table,
    [RENDER_JSON] = &render_json,
    [RENDER_JSONL] = &render_jsonl,
    [RENDER_CSV] = &render_csv,
};
static_assert(sizeof writers / sizeof *writers == RENDER_FORMATS, "a writer for each format");

struct render *render_new(const struct render_options *options,
                          const struct render_column *const *columns, size_t n_columns,
                          struct out *out)
{
    const struct render_writer *writer = writers[options->format];
    struct render *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct render){
        .writer = writer,
        .options = *options,
        .columns = columns,
        .n_columns = n_columns,
        .out = out,
        .state = calloc(1, writer->state_size),
    };
    if (r->state && writer->open(r) == 0)
        return r;
    render_free(r);
    return NULL;
}

void render_free(struct render *r)
{
    if (!r)
        return;
    int saved = errno;
    if (r->state)
        r->writer->close(r->state);
    free(r->state);
    free(r);
    errno = saved;
}

void render_freep(struct render **r)
{
    render_free(*r);
    *r = NULL;
}

int render_row(struct render *r, const void *row)
{
    int e = r->writer->row(r, row);
    return e < 0 ? e : out_flush_if_full(r->out);
}

int render_heading(struct render *r, const char *text)
{
    return r->writer->heading ? r->writer->heading(r, text) : 0;
}

int render_end(struct render *r)
{
    int e = r->writer->end(r);
    int flushed = out_flush(r->out);
    return e < 0 ? e : flushed;
}
