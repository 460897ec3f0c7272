/* A peer's negotiation of TELNET (RFC 854): any bytes; each answer declines something that was
 * asked. */
#include <string.h>

#include "flow/plain.h"
#include "fuzz.h"

enum { WILL = 251, WONT, DO, DONT, IAC };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *answers = malloc(size ? size : 1); /* of the very size, for the sanitizer */
    if (!answers)
        return 0;
    size_t n = plain_telnet(data, size, answers);
    fuzz_check(n <= size && n % 3 == 0, "no answer without a question");
    for (size_t i = 0; i < n; i += 3) {
        const unsigned char asked[] = {IAC, answers[i + 1] == WONT ? DO : WILL, answers[i + 2]};
        const unsigned char taken_back[] = {IAC, asked[1] + 1, answers[i + 2]};
        fuzz_check(answers[i] == IAC && (answers[i + 1] == WONT || answers[i + 1] == DONT),
                   "answers decline");
        fuzz_check(memmem(data, size, asked, 3) || memmem(data, size, taken_back, 3),
                   "what is declined was asked");
    }
    free(answers);
    return 0;
}
