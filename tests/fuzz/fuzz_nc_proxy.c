/* A proxy's answers to nc -X: any bytes, behind one that chooses the protocol. Connecting, dying,
 * asking and talking are this file's own (the linker's --wrap). After success nothing was taken
 * that is the peer's. */
#include <setjmp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialect/nc.h"
#include "fuzz.h"

static struct {
    const uint8_t *answer;
    size_t n;
    int fd, proxy; /* both ends; −1: none */
    jmp_buf died;
} talk;

/* Used: what the linker puts in a function's place isn't seen by link-time optimization. */
#define WRAPPED __attribute__((used))
WRAPPED int __wrap_nc_connect_inet(const struct nc *n, const char *host, const char *port,
                                   char *numeric);
WRAPPED _Noreturn void __wrap_nc_die(const char *format, ...);
WRAPPED void __wrap_nc_tell(const char *format, ...);
WRAPPED char *__wrap_nc_ask_secret(const char *prompt);

/* Behind the words of the dead lies what cleanups would have freed. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

int __wrap_nc_connect_inet(const struct nc *n, const char *host, const char *port, char *numeric)
{
    int ends[2];
    (void)n, (void)host, (void)port, (void)numeric;
    if (talk.proxy >= 0)
        close(talk.proxy);
    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a pair of sockets");
    talk.fd = ends[0];
    talk.proxy = ends[1];
    fuzz_check(write(talk.proxy, talk.answer, talk.n) == (ssize_t)talk.n, "the answer is sent");
    shutdown(talk.proxy, SHUT_WR);
    return talk.fd;
}

void __wrap_nc_die(const char *format, ...)
{
    (void)format;
    longjmp(talk.died, 1);
}

void __wrap_nc_tell(const char *format, ...)
{
    (void)format;
}

char *__wrap_nc_ask_secret(const char *prompt)
{
    (void)prompt;
    return strdup("secret");
}

/* How much of the answer was taken. */
static size_t taken(void)
{
    char rest[1 << 14];
    size_t left = 0;
    for (ssize_t n; (n = read(talk.fd, rest, sizeof rest)) > 0;)
        left += (size_t)n;
    return talk.n - left;
}

static void check_taken(const struct nc *n, size_t took)
{
    if (n->proxy_kind == NC_SOCKS4)
        fuzz_check(took == 8, "SOCKS 4 answers in 8 bytes");
    else if (n->proxy_kind == NC_SOCKS5)
        fuzz_check(took == 2 + 4 + 6 || took == 2 + 4 + 18, "SOCKS 5 answers in 12 or 24 bytes");
    else
        fuzz_check(took > 0 && talk.answer[took - 1] == '\n', "HTTP's answer ends with a line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 1 << 14)
        return 0;
    const struct nc n = {
        .proxy = "127.0.0.1",
        .proxy_kind = data[0] % 3,
        .proxy_user = data[0] & 0x40 ? "user" : NULL,
        .numeric = true,
    };
    talk.answer = data + 1;
    talk.n = size - 1;
    talk.fd = talk.proxy = -1;
    if (__lsan_disable)
        __lsan_disable();
    if (setjmp(talk.died) == 0 && nc_connect_proxy(&n, "192.0.2.1", 80) >= 0)
        check_taken(&n, taken());
    if (__lsan_enable)
        __lsan_enable();
    if (talk.fd >= 0)
        close(talk.fd);
    if (talk.proxy >= 0)
        close(talk.proxy);
    return 0;
}
