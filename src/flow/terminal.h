/* The settings of terminals and serial lines, and their way back.
 */
#pragma once
#include <stdbool.h>
#include <termios.h>

struct err;

/* Settings to be restored. Zeroed: none. */
struct terminal_mode {
    int fd; /* a descriptor of its own */
    bool kept;
    bool alone; /* TIOCEXCL: nobody else may open it meanwhile, ioctl_tty(2) */
    struct termios before;
};

/* Bytes as they come: no lines, no echo, no signals by keys; output as it is. 0 or a negative
 * errno. */
int terminal_make_raw(struct terminal_mode *m, int fd);
/* A serial line as the words say, which are separated by commas (NULL: none): a speed (115200),
 * the form of a byte (8n1: bits, parity n/e/o, stop bits), crtscts or xonxoff for flow control,
 * hupcl (hang up at the end). It's raw else, 9600 isn't presumed: what isn't said stays. Nobody
 * else may open it until it is restored. 0, or a negative errno with *e filled. */
int terminal_set_line(struct terminal_mode *m, int fd, const char *words, struct err *e);
/* Whether the words are such. 0, or -EINVAL with *e filled. */
int terminal_check_words(const char *words, struct err *e);
/* As it was before. Nothing for a zeroed one. */
void terminal_restore(struct terminal_mode *m);
