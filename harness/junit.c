/* SPDX-License-Identifier: MIT */
#include "junit.h"
#include "table.h"

/* Text of an attribute or of an element; what XML 1.0 or UTF-8 might not hold becomes '?'. */
static void put_escaped(FILE *out, const char *s)
{
    for (; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c == '&')
            fputs("&amp;", out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else
            fputc(c == '\n' || (c >= 0x20 && c < 0x7f) ? c : '?', out);
    }
}

static void put_failures(FILE *out, const struct ttt_result *r)
{
    char line[TTT_TABLE_LINE];
    fputs("<failure message=\"", out);
    put_escaped(out, r->repeat);
    fputs("\">", out);
    for (int i = 0; ttt_table_failure(r, i, line); i++) {
        put_escaped(out, line);
        fputc('\n', out);
    }
    if (r->diagnosis[0]) {
        fputs("diagnosis: ", out);
        put_escaped(out, r->diagnosis);
        fputc('\n', out);
    }
    fputs("</failure>", out);
}

/* JUnit knows neither verdict: what cannot be judged is skipped, what the data cannot see is passed; both say so. */
static void put_limits(FILE *out, const struct ttt_result *r)
{
    const int skipped = r->verdict == TTT_ILL_CONDITIONED;
    char line[TTT_TABLE_LINE];
    fputs(skipped ? "<skipped message=\"" : "<system-out>", out);
    for (int i = 0; ttt_table_limit(r, i, line); i++) {
        fputs(i > 0 ? "; " : "", out);
        put_escaped(out, line);
    }
    fputs(skipped ? "\"/>" : "</system-out>", out);
}

static void put_case(FILE *out, const struct ttt_result *r)
{
    char name[TTT_CASE_TEXT];
    ttt_case_format(&r->c, name);
    fputs("  <testcase classname=\"", out);
    put_escaped(out, r->candidate);
    fprintf(out, ".%s\" name=\"", ttt_direction_name[r->directions]);
    put_escaped(out, r->file ? r->file : name);
    fprintf(out, "\" time=\"%.3f\">", r->seconds);
    if (r->verdict == TTT_FAIL)
        put_failures(out, r);
    else if (r->verdict == TTT_SKIPPED)
        fputs("<skipped/>", out);
    else if (r->verdict == TTT_ILL_CONDITIONED || r->verdict == TTT_VACUOUS)
        put_limits(out, r);
    fputs("</testcase>\n", out);
}

int ttt_junit_write(FILE *out, const struct ttt_summary *s)
{
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    fprintf(out,
            "<testsuite name=\"ttt-verify\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\" "
            "timestamp=\"%s\">\n",
            s->count, s->by_verdict[TTT_FAIL], s->by_verdict[TTT_SKIPPED] + s->by_verdict[TTT_ILL_CONDITIONED],
            s->seconds, s->started);
    for (size_t i = 0; i < s->count; i++)
        put_case(out, &s->results[i]);
    fputs("</testsuite>\n", out);
    return ferror(out) ? -1 : 0;
}
