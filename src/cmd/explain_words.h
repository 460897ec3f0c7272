/* The words of explanations: who a socket belongs to and what it does, why it stands in the way,
 * and what to do. Everything from elsewhere is escaped.
 */
#pragma once
#include "cmd/explain_host.h"
#include "predict/bind.h"
#include "predict/lookup.h"
#include "predict/remedy.h"

struct buf;
struct jsonw;

/* "nginx[812] of root listens on 0.0.0.0:80", "curl[913] of ann has it for a connection to
 * 10.0.0.1:443", "no process any more: the remains of a closed connection to …, 42s left". */
void explain_put_socket(struct buf *out, struct explain_host *h, const struct net_socket *s);
/* "2 connections wait", to be accepted. */
void explain_put_waiting(struct buf *out, uint64_t n);
/* "nginx[812]", or why there is none: "no process any more". */
void explain_put_owner(struct buf *out, struct explain_host *h, const struct net_socket *s);
/* Whose it is, for an address of the candidate's that differs: "that is every address, 127.0.0.1
 * too"; nothing where the two are the same. */
void explain_put_overlap(struct buf *out, const struct predict_candidate *c,
                         const struct net_socket *s);

/* Sentences without a full stop. */
const char *explain_rule(enum predict_rule rule);
/* Of a blocker that is one only if an option of it is so; why: that "may not be seen". */
void explain_put_rule_unsure(struct buf *out, enum predict_rule rule, const char *why);
/* The stable word of a rule, for JSON: "taken", "listener" … */
const char *explain_rule_name(enum predict_rule rule);
const char *explain_loss(enum predict_loss loss);
const char *explain_loss_name(enum predict_loss loss);

/* One remedy as an order: "set SO_REUSEADDR before bind (most servers do)". */
void explain_put_remedy(struct buf *out, struct explain_host *h, const struct predict_candidate *c,
                        const struct predict_bind *b, const struct predict_remedy *r);

/* An end of a socket as in every command's JSON: {"address", "port"}; null where there is none. */
void explain_json_end(struct jsonw *j, const struct net_socket *s, enum net_end end);
/* {"local", "peer", "state", "uid", "owners"} inside an object that is open; owners as in `list`.
 */
void explain_json_socket(struct jsonw *j, struct explain_host *h, const struct net_socket *s);
/* An array of struct predict_blocker: each a socket as above, with the rule, whether it is
 * `certain`, and what of it is `unknown`. */
void explain_json_blockers(struct jsonw *j, struct explain_host *h, const struct vec *blockers);
