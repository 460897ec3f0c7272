#include "flow/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

static int keep(struct terminal_mode *m, int fd)
{
    if (tcgetattr(fd, &m->before) < 0)
        return -errno;
    m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (m->fd < 0)
        return -errno;
    m->kept = true;
    return 0;
}

int terminal_make_raw(struct terminal_mode *m, int fd)
{
    int result = keep(m, fd);
    if (result < 0)
        return result;
    struct termios t = m->before;
    cfmakeraw(&t);
    return tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
}

void terminal_restore(struct terminal_mode *m)
{
    if (!m->kept)
        return;
    tcsetattr(m->fd, TCSANOW, &m->before);
    if (m->alone) /* it would last as long as anybody has it open */
        ioctl(m->fd, TIOCNXCL);
    fd_close(&m->fd);
    m->kept = m->alone = false;
}

/* The words of a line */

static const struct {
    unsigned long words;
    speed_t speed;
} speeds[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},
    {150, B150},         {200, B200},         {300, B300},         {600, B600},
    {1200, B1200},       {1800, B1800},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
    {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
    {3500000, B3500000}, {4000000, B4000000},
};

static bool set_speed(struct termios *t, const char *word)
{
    char *end;
    unsigned long n = strtoul(word, &end, 10);
    for (size_t i = 0; *end == '\0' && i < sizeof speeds / sizeof *speeds; i++)
        if (speeds[i].words == n)
            return cfsetspeed(t, speeds[i].speed) == 0;
    return false;
}

static bool set_form(struct termios *t, const char *word)
{
    static const tcflag_t bits[] = {CS5, CS6, CS7, CS8};
    if (strlen(word) != 3 || word[0] < '5' || word[0] > '8' || (word[2] != '1' && word[2] != '2'))
        return false;
    if (!strchr("neo", word[1]))
        return false;
    t->c_cflag &= ~(tcflag_t)(CSIZE | PARENB | PARODD | CSTOPB);
    t->c_cflag |= bits[word[0] - '5'] | (word[2] == '2' ? CSTOPB : 0);
    t->c_cflag |= word[1] == 'n' ? 0 : word[1] == 'e' ? PARENB : PARENB | PARODD;
    return true;
}

static bool set_word(struct termios *t, const char *word)
{
    if (strcmp(word, "crtscts") == 0)
        t->c_cflag |= CRTSCTS;
    else if (strcmp(word, "xonxoff") == 0)
        t->c_iflag |= IXON | IXOFF;
    else if (strcmp(word, "hupcl") == 0)
        t->c_cflag |= HUPCL;
    else
        return set_form(t, word) || set_speed(t, word);
    return true;
}

static int set_words(struct termios *t, const char *words, struct err *e)
{
    for (const char *at = words; at;) {
        char word[16] = "";
        size_t n = strcspn(at, ",");
        if (n < sizeof word)
            memcpy(word, at, n);
        if (n >= sizeof word || !set_word(t, word))
            return err_set(e, EINVAL, "use serial settings", words,
                           "'%.*s' isn't known: a speed as 115200, a form as 8n1, crtscts, "
                           "xonxoff or hupcl",
                           (int)(n < 32 ? n : 32), at);
        at = at[n] ? at + n + 1 : NULL;
    }
    return 0;
}

int terminal_check_words(const char *words, struct err *e)
{
    struct termios t = {0};
    return set_words(&t, words, e);
}

int terminal_set_line(struct terminal_mode *m, int fd, const char *words, struct err *e)
{
    int result = keep(m, fd);
    if (result < 0)
        return err_set(e, -result, "set up serial line", words ? words : "",
                       result == -ENOTTY ? "it is no serial device" : NULL);
    struct termios t = m->before;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD; /* without waiting for a modem's carrier */
    t.c_cflag &= ~(tcflag_t)(CRTSCTS | HUPCL);
    result = set_words(&t, words, e);
    if (result == 0 && tcsetattr(fd, TCSANOW, &t) < 0)
        result = err_set(e, errno, "set up serial line", words ? words : "", NULL);
    if (result < 0)
        terminal_restore(m);
    else
        m->alone = ioctl(fd, TIOCEXCL) == 0;
    return result;
}
