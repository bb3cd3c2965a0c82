/* SPDX-License-Identifier: MIT */
#include "text.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ttt_text_quote(char *out, size_t out_size, const char *s, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)s[i];
        const int plain = byte >= 0x20 && byte < 0x7f;
        const size_t room = (plain ? 1u : 4u) + (i + 1 < n ? 3u : 0u) + 1u;
        if (used + room > out_size) {
            memcpy(out + used, "...", 4);
            return out;
        }
        if (plain) {
            out[used++] = (char)byte;
            continue;
        }
        const char escape[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
        memcpy(out + used, escape, 4);
        used += 4;
    }
    out[used] = '\0';
    return out;
}

char *ttt_text_read(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0, got = 1;
    *size = 0;
    while (in && got > 0) {
        if (*size == room) { /* one byte more than is told: the zero */
            char *more = realloc(text, (room = 2 * room + 65536) + 1);
            if (!more)
                break;
            text = more;
        }
        got = fread(text + *size, 1, room - *size, in);
        *size += got;
    }
    const int bad = !in || got > 0 || ferror(in), saved = errno;
    if (in)
        fclose(in);
    if (!bad) {
        text[*size] = '\0';
        return text;
    }
    free(text);
    errno = saved;
    return NULL;
}

int ttt_message_refuse(const struct ttt_message *m, const char *format, ...)
{
    char path[256], what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    ttt_text_quote(path, sizeof path, m->path, strlen(m->path));
    snprintf(m->error, m->error_size, "%s: %s", path, what);
    return -1;
}

int ttt_text_to_u64(const char *s, size_t n, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        const uint64_t digit = (uint64_t)(s[i] - '0');
        if (digit > max || v > (max - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    if (n == 0)
        return -1;
    *value = v;
    return 0;
}

int ttt_text_to_double(const char *s, size_t n, double *value)
{
    char copy[64];
    if (n == 0 || n >= sizeof copy || strspn(s, "0123456789.eE+-") < n || strchr("eE+-", s[0]))
        return -1;
    memcpy(copy, s, n);
    copy[n] = '\0';
    char *end;
    const double v = strtod(copy, &end);
    if (*end != '\0' || !isfinite(v))
        return -1;
    /* "1e-999" must not pass for a zero that nobody wrote. */
    if (v == 0 && strcspn(copy, "123456789") < strcspn(copy, "eE"))
        return -1;
    *value = v;
    return 0;
}

void ttt_text_from_double(char text[TTT_TEXT_DOUBLE], double x)
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, TTT_TEXT_DOUBLE, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            return;
    }
}
