#include "cmd/prefix_words.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/vec.h"
#include "cli/command.h"
#include "cmd/flow_events.h"
#include "net/addr.h"

static int add_prefix(const struct command *c, struct vec *to, const char *word, const char *where)
{
    struct net_prefix p;
    if (net_prefix_parse(word, &p) < 0)
        return command_usage_error(c, "%s: '%s' is no address or prefix", where, word);
    return vec_add(to, &p) < 0 ? EXIT_NO : 0;
}

static int add_prefix_file(const struct command *c, struct vec *to, const char *path,
                           const struct flow_events *events)
{
    _cleanup_buf_ struct buf text = BUF_INIT(16 << 20);
    struct err e;
    int result = fd_read_file(AT_FDCWD, path, &text), status = 0;
    if (result < 0) {
        err_set(&e, -result, "read", path, NULL);
        flow_events_err(events, EVENT_FAILED, &e);
        return EXIT_NO;
    }
    char *rest = (char *)buf_cstr(&text);
    for (char *line; status == 0 && (line = strsep(&rest, "\n"));) {
        line[strcspn(line, "#")] = '\0';
        line += strspn(line, " \t\r");
        line[strcspn(line, " \t\r")] = '\0';
        if (*line)
            status = add_prefix(c, to, line, path);
    }
    return status;
}

int prefix_words_read(const struct command *c, struct vec *to, const struct vec *words,
                      const char *option, const struct flow_events *events)
{
    int status = 0;
    for (size_t i = 0; i < words->len && status == 0; i++) {
        const char *word = *(const char **)vec_at(words, i);
        status = *word == '@' ? add_prefix_file(c, to, word + 1, events)
                              : add_prefix(c, to, word, option);
    }
    return status;
}
