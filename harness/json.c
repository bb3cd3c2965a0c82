/* SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "json.h"
#include "machine.h"
#include "revision.h"
#include "text.h"
#include <math.h>
#include <string.h>

json_t *ttt_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_string(isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

json_t *ttt_json_text(const char *s)
{
    json_t *string = json_string(s);
    if (string)
        return string;
    char quoted[1024];
    return json_string(ttt_text_quote(quoted, sizeof quoted, s, strlen(s)));
}

static json_t *machine_json(void)
{
    struct ttt_machine machine;
    ttt_machine_probe(&machine);
    json_t *object = json_pack("{s:s, s:o, s:I, s:I}", "system", machine.system, "cpu", ttt_json_text(machine.cpu),
                               "cores", (json_int_t)machine.cores, "memory_bytes", (json_int_t)machine.memory_bytes);
    json_t *gpus = json_array();
    for (int i = 0; i < machine.gpus; i++)
        json_array_append_new(gpus, ttt_json_text(machine.gpu[i]));
    if (machine.gpus > 0)
        json_object_set(object, "gpus", gpus);
    json_decref(gpus);
    return object;
}

json_t *ttt_json_head(const char *schema, const char *program, const char *command, const char *started)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s}", "schema", schema, "program", program, "command",
                     ttt_json_text(command), "version", PACKAGE_VERSION, "revision", TTT_REVISION, "machine",
                     machine_json(), "started", started);
}

int ttt_json_write(FILE *out, json_t *root)
{
    if (!root)
        return -1;
    const int status = json_dumpf(root, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    json_decref(root);
    return status == 0 && fputc('\n', out) != EOF ? 0 : -1;
}
