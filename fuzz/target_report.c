/* SPDX-License-Identifier: MIT
 *
 * Reports of campaigns: what is taken can be joined with another rank's, settled and written.
 */
#include "harness/campaign.h"
#include "target.h"
#include <stdlib.h>
#include <string.h>

const char target_name[] = "report";

/* The next rank of the same campaign. */
static json_t *neighbour(const json_t *report)
{
    json_t *copy = json_deep_copy(report);
    json_t *rank = json_array_get(json_object_get(copy, "ranks"), 0);
    const json_int_t n = json_integer_value(json_object_get(rank, "rank")) + 1;
    while (json_array_size(json_object_get(copy, "ranks")) > 1)
        json_array_remove(json_object_get(copy, "ranks"), 1);
    json_t *first = json_array_get(json_object_get(copy, "findings"), 0);
    if (first) /* one that comes earlier, and one of another kind */
        json_object_set_new(first, "index", json_integer(0));
    if (json_array_size(json_object_get(copy, "findings")) > 1)
        json_object_set_new(json_array_get(json_object_get(copy, "findings"), 1), "gate", json_string("another"));
    json_object_set_new(rank, "rank", json_integer(n));
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[1024] = "";
    const char *path = target_file(data, size);
    json_t *report = ttt_campaign_read(path, error, sizeof error);
    if (!report) {
        TARGET_REQUIRE(error[0] && !strchr(error, '\n'));
        return 0;
    }
    json_t *other = neighbour(report), *stranger = json_deep_copy(other);
    TARGET_REQUIRE(!ttt_campaign_read("/nonexistent", error, sizeof error));
    const uint64_t hash = ttt_campaign_hash(report);
    TARGET_REQUIRE(ttt_campaign_add(report, report, error, sizeof error) != 0); /* its ranks are there twice */
    if (ttt_campaign_add(report, other, error, sizeof error) == 0)
        TARGET_REQUIRE(ttt_campaign_hash(report) == 2 * hash);
    json_object_set_new(json_array_get(json_object_get(stranger, "ranks"), 0), "size", json_integer(70000));
    TARGET_REQUIRE(ttt_campaign_add(report, stranger, error, sizeof error) != 0);
    json_object_set_new(json_object_get(stranger, "campaign"), "seed", json_string("another"));
    TARGET_REQUIRE(ttt_campaign_add(report, stranger, error, sizeof error) != 0);
    json_decref(stranger);
    TARGET_REQUIRE(ttt_campaign_count(report, "cases", "all", "PASS") == 0);
    TARGET_REQUIRE(ttt_campaign_counted(report, "cases", "all", "PASS") > 0);
    FILE *out = fopen("/dev/null", "w");
    TARGET_REQUIRE(out && ttt_campaign_settle(report, out) != SIZE_MAX);
    fclose(out);
    char *text = json_dumps(report, 0);
    TARGET_REQUIRE(text);
    free(text);
    json_decref(other);
    json_decref(report);
    return 0;
}
