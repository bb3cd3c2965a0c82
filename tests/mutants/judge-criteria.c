/* SPDX-License-Identifier: MIT
 *
 * judge-criteria: what the usual criteria say of candidates on cases.
 *
 *     judge-criteria --candidate SPEC... --case CASE...
 *     judge-criteria --names
 *
 * One line per case and candidate: a digit per criterion (see criteria.c), 1 where some output fails it.  The truth is
 * ref-f64 on the same inputs, the baseline ref-bf16.  --names: the criteria, one per line, in the digits' order.
 */
#include "criteria.h"
#include "harness/candidates.h"
#include "harness/tier0.h"
#include "harness/worker.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_PASSED = 0, EXIT_BAD_INPUT = 2 };

#define INPUTS  (1u << TTT_ROLE_INPUT | 1u << TTT_ROLE_UPSTREAM)
#define OUTPUTS (1u << TTT_ROLE_FORWARD_OUTPUT | 1u << TTT_ROLE_BACKWARD_OUTPUT)
#define MOST    256

/* What the command line asks for. */
struct request {
    struct ttt_opened candidates[MOST];
    struct ttt_case cases[MOST];
    int candidate_count, case_count, names;
    char error[512];
};

/* Inputs as those of `from` (NULL: generated), and both passes.  0, or -1 with a line in `error`. */
static int compute(struct request *q, const struct ttt_candidate *candidate, const struct ttt_case *c,
                   const struct ttt_tensors *from, struct ttt_tensors *t)
{
    struct ttt_call call = {.candidate = candidate, .direction = TTT_FORWARD, .threads = 1};
    const int made =
        from ? ttt_tensors_alloc(t, c, 0, c->shape.heads, candidate->types, INPUTS | OUTPUTS, q->error, sizeof q->error)
             : ttt_tensors_make(t, c, 0, c->shape.heads, candidate->types, INPUTS | OUTPUTS, q->error, sizeof q->error);
    if (made != 0)
        return -1;
    if (from)
        ttt_tensors_convert_inputs(t, from);
    enum ttt_status status = ttt_call_plain(&call, t);
    call.direction = TTT_BACKWARD;
    if (status == TTT_OK)
        status = ttt_call_plain(&call, t);
    if (status != TTT_OK)
        snprintf(q->error, sizeof q->error, "%s: %s", candidate->name, ttt_candidate_status(status));
    return status == TTT_OK ? 0 : -1;
}

static void judge(const struct ttt_tensors *k, const struct ttt_tensors *r, const struct ttt_tensors *b,
                  char verdict[CRITERIA + 1])
{
    memset(verdict, '0', CRITERIA);
    verdict[CRITERIA] = '\0';
    for (enum ttt_tensor t = 0; t < TTT_TENSOR_COUNT; t++) {
        const struct comparison c = {&k->buffer[t], &r->buffer[t], &b->buffer[t]};
        if (!(OUTPUTS & 1u << ttt_tensor_info[t].role) || !c.k->data)
            continue;
        for (int i = 0; i < CRITERIA; i++)
            if (verdict[i] == '0' && !criteria[i].passes(&c))
                verdict[i] = '1';
    }
}

static int run_case(struct request *q, const struct ttt_case *c)
{
    struct ttt_tensors truth = {.head0 = 0}, baseline = {.head0 = 0};
    int status = compute(q, &ttt_candidate_ref_f64, c, NULL, &truth);
    if (status == 0)
        status = compute(q, &ttt_candidate_ref_bf16, c, &truth, &baseline);
    for (int i = 0; i < q->candidate_count && status == 0; i++) {
        struct ttt_tensors t = {.head0 = 0};
        char verdict[CRITERIA + 1];
        status = compute(q, q->candidates[i].candidate, c, &truth, &t);
        if (status == 0) {
            judge(&t, &truth, &baseline, verdict);
            printf("%s %s\n", verdict, q->candidates[i].spec);
        }
        ttt_tensors_free(&t);
    }
    ttt_tensors_free(&truth);
    ttt_tensors_free(&baseline);
    return status;
}

static int parse(struct request *q, int argc, char **argv)
{
    static const struct option options[] = {{"candidate", required_argument, NULL, 0},
                                            {"case", required_argument, NULL, 1},
                                            {"names", no_argument, NULL, 2},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 0 && q->candidate_count < MOST) {
            if (ttt_candidate_open_spec(optarg, &q->candidates[q->candidate_count++], q->error, sizeof q->error) != 0)
                return -1;
        } else if (option == 1 && q->case_count < MOST) {
            if (ttt_case_parse(optarg, &q->cases[q->case_count++], q->error, sizeof q->error) != 0)
                return -1;
        } else if (option == 2) {
            q->names = 1;
        } else {
            snprintf(q->error, sizeof q->error,
                     "usage: judge-criteria --candidate SPEC... --case CASE... (at most %d), or --names", MOST);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct request q;
    const int worker = ttt_worker_main(argc, argv);
    if (worker >= 0)
        return worker;
    int status = parse(&q, argc, argv);
    for (int i = 0; i < CRITERIA && status == 0 && q.names; i++)
        puts(criteria[i].name);
    for (int i = 0; i < q.case_count && status == 0; i++)
        status = run_case(&q, &q.cases[i]);
    if (status != 0)
        fprintf(stderr, "judge-criteria: %s\n", q.error);
    return status == 0 ? EXIT_PASSED : EXIT_BAD_INPUT;
}
