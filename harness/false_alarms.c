/* SPDX-License-Identifier: MIT */
#include "false_alarms.h"
#include "calibration.h"
#include "json.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* The probability of at most `alarms` in `runs`. */
static double at_most(int64_t alarms, int64_t runs, double rate)
{
    double log_term = (double)runs * log1p(-rate), sum = 0;
    for (int64_t k = 0; k <= alarms; k++) {
        sum += exp(log_term);
        log_term += log((double)(runs - k) / (double)(k + 1)) + log(rate) - log1p(-rate);
    }
    return sum;
}

double ttt_false_alarms_rate(int64_t alarms, int64_t runs)
{
    double low = 0, high = 1;
    if (alarms >= runs)
        return 1;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        if (at_most(alarms, runs, middle) > 1 - TTT_FALSE_ALARMS_CONFIDENCE)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The rate beyond 1 that the largest hundredth of the runs extrapolates to: the excesses of log(nearness) over their
 * smallest taken for exponential, of the mean that they have. */
static double extrapolated(const double *sorted, int64_t n)
{
    const int64_t tail = n / 100 > 0 ? n / 100 : 1;
    const double least = log(sorted[n - tail]);
    double excess = 0;
    for (int64_t i = n - tail; i < n; i++)
        excess += (log(sorted[i]) - least) / (double)tail;
    return (double)tail / (double)n * exp(least / excess);
}

void ttt_false_alarms_tail(struct ttt_false_alarms *f, double *nearness)
{
    const int64_t n = f->runs;
    qsort(nearness, (size_t)n, sizeof *nearness, by_size);
    f->median = nearness[n / 2];
    f->p99 = nearness[n - 1 - n / 100];
    f->largest = nearness[n - 1];
    f->extrapolated = extrapolated(nearness, n);
}

void ttt_false_alarms_print(FILE *out, const struct ttt_false_alarms *f)
{
    fprintf(out, "false alarms: %" PRId64 " in %" PRId64 " correct runs (%" PRId64 " ill-conditioned)\n", f->alarms,
            f->runs, f->ill_conditioned);
    fprintf(out, "%.0f%% confidence: below %.2g\n", 100 * TTT_FALSE_ALARMS_CONFIDENCE,
            ttt_false_alarms_rate(f->alarms, f->runs));
    fprintf(out, "largest reading / threshold of a run: median %.3f, 99%% %.3f, largest %.3f\n", f->median, f->p99,
            f->largest);
    fprintf(out, "extrapolated rate (exponential tail through the largest 1%%): %.2g\n", f->extrapolated);
}

static json_t *calibration_json(void)
{
    char checksum[32];
    snprintf(checksum, sizeof checksum, "%016" PRIx64, ttt_calibration_table.checksum);
    return json_pack("{s:i, s:s}", "version", ttt_calibration_table.version, "checksum", checksum);
}

int ttt_false_alarms_write(FILE *out, const struct ttt_false_alarms *f, const char *command, const char *started)
{
    json_t *root = ttt_json_head(TTT_FALSE_ALARMS_SCHEMA, "ttt-calibrate", command, started);
    json_t *found =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o}", "calibration",
                  calibration_json(), "seeds", (json_int_t)f->seeds, "first_seed", (json_int_t)f->first_seed, "runs",
                  (json_int_t)f->runs, "alarms", (json_int_t)f->alarms, "ill_conditioned",
                  (json_int_t)f->ill_conditioned, "confidence", ttt_json_number(TTT_FALSE_ALARMS_CONFIDENCE),
                  "rate_below", ttt_json_number(ttt_false_alarms_rate(f->alarms, f->runs)), "nearness", "median",
                  ttt_json_number(f->median), "p99", ttt_json_number(f->p99), "largest", ttt_json_number(f->largest),
                  "extrapolated_rate", ttt_json_number(f->extrapolated), "seconds", ttt_json_number(f->seconds));
    if (root && json_object_update(root, found) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(found);
    return ttt_json_write(out, root);
}
