/* SPDX-License-Identifier: MIT
 *
 * The training check: an outer optimiser with gradients of the GPU, of the contract and in fp64, side by side.
 */
#include "page.h"
#include <math.h>

/* Root mean square over the steps of (loss / fp64's loss - 1). */
static double apart(const json_t *curve, const json_t *f64)
{
    double sum = 0;
    const size_t n = json_array_size(f64);
    for (size_t i = 0; i < n; i++) {
        const double ratio = json_number_value(json_array_get(curve, i)) / json_number_value(json_array_get(f64, i));
        sum += (ratio - 1) * (ratio - 1) / (double)n;
    }
    return sqrt(sum);
}

static json_t *curve_json(const json_t *root, const char *key, const char *name)
{
    const json_t *curve = json_object_get(root, key), *f64 = json_object_get(root, "loss_f64");
    const double from_f64 = apart(curve, f64);
    return json_pack("{s:s, s:o, s:o, s:o}", "name", name, "first",
                     json_sprintf("%.4f", json_number_value(json_array_get(curve, 0))), "last",
                     json_sprintf("%.4f", json_number_value(json_array_get(curve, json_array_size(curve) - 1))),
                     "apart", curve == f64 ? json_string("") : json_sprintf("%.2f %%", 100 * from_f64));
}

static json_t *training_json(const json_t *root)
{
    const json_t *f64 = json_object_get(root, "loss_f64");
    const double limit = ttt_load_number(root, "limit");
    const double share =
        apart(json_object_get(root, "loss_gpu"), f64) / (limit * apart(json_object_get(root, "loss_contract"), f64));
    json_t *curves = json_array(), *device = json_object_get(root, "device");
    json_array_append_new(curves, curve_json(root, "loss_gpu", "GPU gradients"));
    json_array_append_new(curves, curve_json(root, "loss_contract", "the contract's, on the CPU"));
    json_array_append_new(curves, curve_json(root, "loss_f64", "double precision"));
    json_t *t =
        json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:s, s:s}", "case", ttt_load_text(root, "case"), "optimiser",
                  ttt_load_text(root, "optimiser"), "steps", (json_int_t)json_array_size(f64), "rate",
                  ttt_page_reading(ttt_load_number(root, "rate")), "limit", ttt_page_reading(limit), "curves", curves,
                  "class", ttt_page_class(share), "verdict", share <= 1 ? "follows" : "does not follow");
    if (device)
        json_object_set(t, "device", device);
    json_object_set_new(t, "share", ttt_page_share(share));
    return t;
}

void ttt_page_training(struct ttt_page *page)
{
    json_t *list = json_array();
    for (size_t i = 0; i < page->count; i++)
        if (page->loaded[i].kind == TTT_KIND_TRAINING)
            json_array_append_new(list, training_json(page->loaded[i].root));
    json_object_set_new(page->values, "training", list);
}
