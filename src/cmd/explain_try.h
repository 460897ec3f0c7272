/* Does for real what was foretold, and compares. The socket is closed at once. */
#pragma once
#include <stdbool.h>

#include "flow/target.h"
#include "predict/bind.h"

struct explain_trial {
    bool done;
    enum predict_call call; /* that failed */
    int error;              /* positive errno; 0: it succeeded */
};

/* As the caller itself, whatever uid the candidate has. Where a call can't be made at all, `done`
 * stays false. */
void explain_try_bind(const struct predict_candidate *c, const struct target *t,
                      struct explain_trial *ret);
bool explain_trial_agrees(const struct explain_trial *t, const struct predict_bind *b);
