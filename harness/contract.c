/* SPDX-License-Identifier: MIT */
#include "contract.h"
#include "result.h"
#include "text.h"
#include <stdio.h>
#include <string.h>

const char *const ttt_point_name[TTT_POINT_COUNT] = {
    [TTT_POINT_ETA] = "eta",     [TTT_POINT_EXCHANGE] = "exchange", [TTT_POINT_TANH] = "tanh",
    [TTT_POINT_SLOPE] = "slope", [TTT_POINT_XHAT] = "xhat",         [TTT_POINT_GELU1] = "gelu1",
    [TTT_POINT_DWOUT] = "dWout",
};

static int refuse(const char *word, size_t n, char *error, size_t error_size)
{
    char quoted[TTT_TEXT_QUOTE], names[TTT_POINTS_TEXT];
    ttt_points_format((1u << TTT_POINT_COUNT) - 1, names);
    snprintf(error, error_size, "'%s' is not a rounding point, or is given twice (allowed: %s)",
             ttt_text_quote(quoted, sizeof quoted, word, n), names);
    return -1;
}

static enum ttt_point find(const char *word, size_t n)
{
    enum ttt_point p = 0;
    while (p < TTT_POINT_COUNT && (strlen(ttt_point_name[p]) != n || memcmp(word, ttt_point_name[p], n) != 0))
        p++;
    return p;
}

int ttt_points_parse(const char *text, unsigned *points, char *error, size_t error_size)
{
    unsigned found = 0;
    for (const char *word = text; word && word[0];) {
        const size_t n = strcspn(word, "+");
        const enum ttt_point p = find(word, n);
        /* A '+' promises another name. */
        if (p == TTT_POINT_COUNT || found & 1u << p || (word[n] && !word[n + 1]))
            return refuse(word, word[n] && !word[n + 1] ? n + 1 : n, error, error_size);
        found |= 1u << p;
        word += n + (word[n] == '+');
    }
    *points = found;
    return 0;
}

int ttt_contract_parse(const char *text, unsigned *points, char *error, size_t error_size)
{
    static const char name[] = "bf16";
    const size_t n = sizeof name - 1;
    if (strncmp(text, name, n) == 0 && text[n] == '\0')
        return ttt_points_parse("", points, error, error_size);
    if (strncmp(text, name, n) == 0 && text[n] == '+' && text[n + 1])
        return ttt_points_parse(text + n + 1, points, error, error_size);
    snprintf(error, error_size, "'%s' is not a contract (allowed: bf16 or bf16+POINT...)", TTT_QUOTE(text));
    return -1;
}

unsigned ttt_points_declared(const struct ttt_candidate *candidate)
{
    unsigned points = 0;
    char error[256];
    return ttt_points_parse(candidate->rounding_points, &points, error, sizeof error) == 0 ? points : 0;
}

unsigned ttt_points_modelled(unsigned points, const struct ttt_mlp_shape *shape, unsigned directions)
{
    const unsigned both = 1u << TTT_POINT_ETA | 1u << TTT_POINT_EXCHANGE | 1u << TTT_POINT_TANH;
    unsigned has = 0;
    if (directions & TTT_DIRECTION_FORWARD)
        has |= both | 1u << TTT_POINT_SLOPE;
    if (directions & TTT_DIRECTION_BACKWARD)
        has |= both | 1u << TTT_POINT_XHAT | 1u << TTT_POINT_GELU1 | 1u << TTT_POINT_DWOUT;
    return shape->causal ? 0 : points & has;
}

void ttt_points_format(unsigned points, char text[TTT_POINTS_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (enum ttt_point p = 0; p < TTT_POINT_COUNT; p++)
        if (points & 1u << p)
            used += (size_t)snprintf(text + used, TTT_POINTS_TEXT - used, "%s%s", used ? "+" : "", ttt_point_name[p]);
}

void ttt_contract_reference(enum ttt_types types, unsigned points, char text[TTT_POINTS_TEXT])
{
    static const char *const names[] = {"ref-f64", "ref-f32", "ref-bf16"};
    char words[TTT_POINTS_TEXT];
    ttt_points_format(points, words);
    snprintf(text, TTT_POINTS_TEXT, "%s%s%.48s", names[types], points ? "+" : "", words);
}
