/* SPDX-License-Identifier: MIT */
#include "bench_report.h"
#include "result.h"

void ttt_bench_table_header(FILE *out)
{
    fprintf(out,
            "The peak is a %d x %d product of %s on as many threads; on a GPU, products of the tensor cores alone.\n",
            TTT_PEAK_SIZE, TTT_PEAK_SIZE, ttt_peak_library());
    fprintf(out, "%-10s%-10s%3s%10s %-17s%10s%9s%7s%7s %-11s%9s%9s  %s\n", "candidate", "direction", "thr", "ms",
            "(min..max)", "us/step", "GFLOP/s", "peak", "share", "(min..max)", "work MiB", "RSS MiB", "case");
}

void ttt_bench_table_line(FILE *out, const struct ttt_measurement *m)
{
    char case_text[TTT_CASE_TEXT], seconds[32], share[32], workspace[32] = "-";
    ttt_case_format(&m->bench.c, case_text);
    fprintf(out, "%-10s%-10s%3d", m->bench.candidate->name, ttt_direction_name[1u << m->bench.direction],
            m->bench.threads);
    if (m->outcome != TTT_BENCH_MEASURED) {
        fprintf(out, " %s, %s  %s\n", ttt_bench_outcome_name[m->outcome], m->reason, case_text);
        return;
    }
    snprintf(seconds, sizeof seconds, "(%.4g..%.4g)", 1e3 * m->seconds.min, 1e3 * m->seconds.max);
    snprintf(share, sizeof share, "(%.0f..%.0f)", 100 * m->share.min, 100 * m->share.max);
    if (m->workspace_bytes >= 0)
        snprintf(workspace, sizeof workspace, "%.2f", (double)m->workspace_bytes / (1 << 20));
    fprintf(out, "%10.4g %-17s%10.4g%9.1f%7.0f%6.1f%% %-11s%9s%9.0f  %s\n", 1e3 * m->seconds.median, seconds,
            ttt_measurement_us_per_mini_batch(m), ttt_measurement_gflops(m), ttt_measurement_peak_gflops(m),
            100 * m->share.median, share, workspace, (double)m->peak_rss_bytes / (1 << 20), case_text);
}
