/* Recordings: any bytes; an event lies in the file, and is written again as it stood there. */
#include <string.h>

#include "base/buf.h"
#include "flow/recording.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *file = (const char *)data;
    struct recording_event e;
    size_t at = 0, before = strlen(RECORDING_HEADER);
    uint64_t offset = 0;
    while (recording_next(file, size, &at, &e) == 1) {
        _cleanup_buf_ struct buf again = BUF_INIT(1 << 20), hex = BUF_INIT(1 << 24);
        fuzz_check(at > before && at <= size, "it moves on");
        fuzz_check(e.bytes >= file && e.bytes + e.n < file + size, "it lies in the file");
        recording_put(&again, &e);
        recording_hexdump(&hex, &e, &offset);
        size_t at_again = 0;
        struct recording_event second;
        _cleanup_buf_ struct buf whole = BUF_INIT(1 << 20);
        buf_str(&whole, RECORDING_HEADER);
        buf_add(&whole, again.data, again.len);
        if (whole.failed)
            return 0;
        fuzz_check(recording_next(whole.data, whole.len, &at_again, &second) == 1, "it reads back");
        fuzz_check(second.at_ns == e.at_ns && second.n == e.n && second.direction == e.direction &&
                       !memcmp(second.bytes, e.bytes, e.n),
                   "the same");
        before = at;
    }
    return 0;
}
