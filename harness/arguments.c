/* SPDX-License-Identifier: MIT */
#include "arguments.h"
#include "result.h"
#include "text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int ttt_argument_refuse(const char *option, const char *value, const char *allowed, char *error, size_t error_size)
{
    snprintf(error, error_size, "--%s: '%s' is not %s", option, TTT_QUOTE(value), allowed);
    return -1;
}

int ttt_argument_number(const char *option, const char *value, uint64_t min, uint64_t max, uint64_t *number,
                        char *error, size_t error_size)
{
    uint64_t n;
    if (ttt_text_to_u64(value, strlen(value), max, &n) == 0 && n >= min) {
        *number = n;
        return 0;
    }
    char allowed[64];
    snprintf(allowed, sizeof allowed, "an integer %" PRIu64 " to %" PRIu64, min, max);
    return ttt_argument_refuse(option, value, allowed, error, error_size);
}

int ttt_argument_directions(const char *value, unsigned *directions, char *error, size_t error_size)
{
    for (unsigned d = TTT_DIRECTION_FORWARD; d <= TTT_DIRECTION_BOTH; d++)
        if (strcmp(value, ttt_direction_name[d]) == 0) {
            *directions = d;
            return 0;
        }
    return ttt_argument_refuse("direction", value, "forward, backward or both", error, error_size);
}

int ttt_argument_case(const char *value, struct ttt_case *c, char *error, size_t error_size)
{
    char what[256];
    if (ttt_case_parse(value, c, what, sizeof what) == 0)
        return 0;
    snprintf(error, error_size, "--case: %s", what);
    return -1;
}

int ttt_argument_candidate(const char *value, struct ttt_opened *list, size_t *count, char *error, size_t error_size)
{
    struct ttt_opened opened;
    if (ttt_candidate_open_spec(value, &opened, error, error_size) != 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i].spec, value) == 0) {
            snprintf(error, error_size, "--candidate: '%s' is given twice", TTT_QUOTE(value));
            return -1;
        }
    list[(*count)++] = opened;
    return 0;
}

int ttt_argument_unknown(const char *word, int code, char *error, size_t error_size)
{
    if (code == ':')
        snprintf(error, error_size, "%s needs a value; see --help", TTT_QUOTE(word));
    else
        snprintf(error, error_size, "'%s' is not an option, or not used as one; see --help", TTT_QUOTE(word));
    return -1;
}

int ttt_argument_threads(void)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > TTT_ARGUMENT_THREADS ? TTT_ARGUMENT_THREADS : (int)processors;
}
