/* SPDX-License-Identifier: MIT */
#include "plots.h"
#include "template.h"
#include "templates.h"
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int refuse(char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "gnuplot, which draws the plots, %s (Debian, Ubuntu: apt-get install gnuplot-nox)",
             what);
    return -1;
}

/* Run gnuplot from one file to another.  Its exit status, or -1 where it cannot be started. */
static int run(FILE *script, FILE *out)
{
    static const char *const argv[] = {"gnuplot", "-d", "-", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    if (posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO) == 0 &&
        posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) == 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    }
    posix_spawn_file_actions_destroy(&actions);
    return status == 127 ? -1 : status;
}

static char *contents(FILE *f)
{
    const long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    rewind(f);
    if (text)
        text[fread(text, 1, (size_t)size, f)] = 0;
    return text;
}

/* What a page needs of a drawing: neither the head of an XML file nor the definitions of points, which nothing uses and
 * whose names would be there once for each plot. */
static json_t *svg_only(char *text)
{
    char *svg = text ? strstr(text, "<svg") : NULL, *from = svg ? strstr(svg, "<defs>") : NULL;
    char *to = from ? strstr(from, "</defs>") : NULL, *id;
    if (!to)
        return NULL;
    memmove(from, to + strlen("</defs>"), strlen(to + strlen("</defs>")) + 1);
    while ((id = strstr(svg, " id=\"")) != NULL) {
        char *end = strchr(id + strlen(" id=\""), '"');
        if (!end)
            return NULL;
        memmove(id, end + 1, strlen(end + 1) + 1);
    }
    return json_string(svg);
}

/* The drawing of a filled script. */
static json_t *draw(const char *script_template, const json_t *values, char *error, size_t error_size)
{
    FILE *script = tmpfile(), *out = tmpfile();
    json_t *svg = NULL;
    int status = -1;
    if (!script || !out)
        snprintf(error, error_size, "a temporary file: %s", strerror(errno));
    else
        status = ttt_template_write(script, script_template, values, TTT_ESCAPE_NOTHING, error, error_size);
    if (status == 0) {
        rewind(script);
        status = run(script, out);
        char *text = status == 0 ? contents(out) : NULL;
        svg = svg_only(text);
        free(text);
        if (!svg)
            refuse(error, error_size, status < 0 ? "is not there" : "failed");
    }
    if (script)
        fclose(script);
    if (out)
        fclose(out);
    return svg;
}

static json_t *points(const json_t *values)
{
    const size_t n = json_array_size(values);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const double y = json_number_value(json_array_get(values, i));
        if (y > 0)
            json_array_append_new(list, json_pack("{s:o, s:o}", "x",
                                                  json_sprintf("%.4f", 100 * ((double)i + 0.5) / (double)n), "y",
                                                  json_sprintf("%.3e", y)));
    }
    return list;
}

/* A series of a plot; `number` of its colour.  Nothing of fewer than two points. */
static void add_series(json_t *series, const char *tensor, const char *what, json_t *list)
{
    if (json_array_size(list) >= 2)
        json_array_append_new(series, json_pack("{s:I, s:o, s:O}", "number", (json_int_t)json_array_size(series),
                                                "title", json_sprintf("%s%s", tensor, what), "points", list));
    json_decref(list);
}

/* The case of the longest profile of this tensor. */
static const json_t *longest(const struct ttt_page *page, const char *candidate, const char *name,
                             const json_t **tensor)
{
    const json_t *result = NULL;
    size_t most = 1;
    for (size_t i = 0; i < page->count; i++) {
        const json_t *cases =
            page->loaded[i].kind == TTT_KIND_VERIFY ? json_object_get(page->loaded[i].root, "cases") : NULL;
        for (size_t j = 0; j < json_array_size(cases); j++) {
            const json_t *r = json_array_get(cases, j), *tensors = json_object_get(r, "tensors");
            for (size_t k = 0; k < json_array_size(tensors) && strcmp(ttt_load_text(r, "candidate"), candidate) == 0;
                 k++) {
                const json_t *t = json_array_get(tensors, k);
                const size_t n = json_array_size(json_object_get(json_object_get(t, "along"), "error"));
                if (n > most && strcmp(ttt_load_text(t, "name"), name) == 0) {
                    most = n;
                    result = r;
                    *tensor = t;
                }
            }
        }
    }
    return result;
}

static int add_plot(json_t *list, const char *script, json_t *series, const char *candidate, const char *about,
                    char *error, size_t error_size)
{
    int status = 0;
    if (json_array_size(series) > 0) {
        json_t *values = json_pack("{s:O}", "series", series);
        json_t *svg = draw(script, values, error, error_size);
        status = svg ? json_array_append_new(
                           list, json_pack("{s:s, s:s, s:o}", "candidate", candidate, "about", about, "svg", svg))
                     : -1;
        json_decref(values);
    }
    json_decref(series);
    return status;
}

static int add_growth(struct ttt_page *page, json_t *list, const char *candidate, char *error, size_t error_size)
{
    static const char *const names[] = {"XQW", "grad_L_XK"};
    json_t *series = json_array();
    const char *about = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *tensor = NULL, *result = longest(page, candidate, names[i], &tensor);
        const json_t *along = json_object_get(tensor, "along");
        if (!result)
            continue;
        about = ttt_load_text(result, "case");
        add_series(series, names[i], ": error", points(json_object_get(along, "error")));
        add_series(series, names[i], ": cost of the arithmetic", points(json_object_get(along, "cost")));
    }
    return add_plot(list, ttt_template_growth, series, candidate, about, error, error_size);
}

/* Parts of all elements, in per cent, by the exponent of the upper edge of their bin. */
static json_t *shares(const double ulps[TTT_ULP_BINS])
{
    json_t *list = json_array();
    double all = 0;
    int first = 0, last = TTT_ULP_BINS - 1;
    for (int i = 0; i < TTT_ULP_BINS; i++)
        all += ulps[i];
    while (first < last && ulps[first] == 0)
        first++;
    while (last > first && ulps[last] == 0)
        last--;
    for (int i = first; i <= last && all > 0; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "x", json_sprintf("%d", TTT_METRICS_ULP_FIRST + i), "y",
                                              json_sprintf("%.4e", 100 * ulps[i] / all)));
    return list;
}

static int add_ulps(json_t *list, const struct ttt_standing *s, char *error, size_t error_size)
{
    static const enum ttt_tensor tensors[] = {TTT_XQW, TTT_W2_LAST, TTT_GRAD_XK, TTT_GRAD_W1_INIT};
    json_t *series = json_array();
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        add_series(series, ttt_tensor_info[tensors[i]].name, "", shares(s->ulps[tensors[i]]));
    return add_plot(list, ttt_template_ulps, series, s->candidate, "all cases", error, error_size);
}

/* Each step's loss; what is not above 0 has no place on a logarithmic axis. */
static json_t *steps(const json_t *curve)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(curve); i++) {
        const double loss = json_number_value(json_array_get(curve, i));
        if (loss > 0)
            json_array_append_new(
                list, json_pack("{s:o, s:o}", "x", json_sprintf("%zu", i + 1), "y", json_sprintf("%.4e", loss)));
    }
    return list;
}

/* How far each step's loss is from that in double, in per cent. */
static json_t *apart(const json_t *curve, const json_t *f64)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(curve); i++) {
        const double ratio = json_number_value(json_array_get(curve, i)) / json_number_value(json_array_get(f64, i));
        if (isfinite(ratio))
            json_array_append_new(list, json_pack("{s:o, s:o}", "x", json_sprintf("%zu", i + 1), "y",
                                                  json_sprintf("%.3f", 100 * (ratio - 1))));
    }
    return list;
}

static int add_losses(struct ttt_page *page, json_t *losses, json_t *gaps, char *error, size_t error_size)
{
    int status = 0;
    for (size_t i = 0; i < page->count && status == 0; i++) {
        const json_t *root = page->loaded[i].root, *f64 = json_object_get(root, "loss_f64");
        json_t *loss = json_array(), *gap = json_array();
        if (page->loaded[i].kind == TTT_KIND_TRAINING) {
            add_series(loss, "", "GPU gradients", steps(json_object_get(root, "loss_gpu")));
            add_series(loss, "", "the contract's", steps(json_object_get(root, "loss_contract")));
            add_series(loss, "", "double precision", steps(f64));
            add_series(gap, "", "GPU gradients", apart(json_object_get(root, "loss_gpu"), f64));
            add_series(gap, "", "the contract's", apart(json_object_get(root, "loss_contract"), f64));
        }
        const char *about = ttt_load_text(root, "case");
        status = add_plot(losses, ttt_template_loss, loss, "loss", about, error, error_size);
        if (add_plot(gaps, ttt_template_gap, gap, "gap", about, error, error_size) != 0)
            status = -1;
    }
    return status;
}

static int add_shapes(struct ttt_page *page, char *error, size_t error_size)
{
    const json_t *shapes = json_object_get(page->values, "shapes");
    for (size_t i = 0; i < json_array_size(shapes); i++) {
        const json_t *charts = json_object_get(json_array_get(shapes, i), "charts");
        for (size_t j = 0; j < json_array_size(charts); j++) {
            json_t *chart = json_array_get(charts, j), *svg = draw(ttt_template_shapes, chart, error, error_size);
            if (json_object_set_new(chart, "svg", svg) != 0)
                return -1;
        }
    }
    return 0;
}

int ttt_plots_make(struct ttt_page *page, char *error, size_t error_size)
{
    json_t *growth = json_array(), *ulps = json_array(), *losses = json_array(), *gaps = json_array();
    json_object_set_new(page->values, "losses", losses);
    json_object_set_new(page->values, "gaps", gaps);
    json_object_set_new(page->values, "growth", growth);
    json_object_set_new(page->values, "ulps", ulps);
    if (add_losses(page, losses, gaps, error, error_size) != 0 || add_shapes(page, error, error_size) != 0)
        return -1;
    for (size_t i = 0; i < page->standings.count; i++) {
        const struct ttt_standing *s = &page->standings.list[i];
        if (add_growth(page, growth, s->candidate, error, error_size) != 0 || add_ulps(ulps, s, error, error_size) != 0)
            return -1;
    }
    return 0;
}
