/* SPDX-License-Identifier: MIT */
#include "harness/template.h"
#include "run.h"
#include <stdlib.h>
#include <string.h>

static char error[256];

/* The text that a template makes; "error" where it is refused. */
static const char *fill(const char *text, const char *values, enum ttt_escape escape)
{
    static char *out;
    size_t size;
    free(out);
    out = NULL;
    json_t *root = json_loads(values, 0, NULL);
    FILE *stream = open_memstream(&out, &size);
    ck_assert(root && stream);
    const int status = ttt_template_write(stream, text, root, escape, error, sizeof error);
    fclose(stream);
    json_decref(root);
    return status == 0 ? out : "error";
}

static const char values[] = "{\"a\": \"<&>\\\"'|`\", \"n\": 7, \"list\": [{\"x\": \"p\"}, {\"x\": \"q\", \"n\": 8}], "
                             "\"words\": [\"u\", \"v\"], \"none\": [], \"blank\": \"\", \"yes\": true, \"no\": false}";

static const struct {
    const char *text, *made;
} filled[] = {
    {"plain } {", "plain } {"},
    {"{{n}}", "7"},
    {"{{a}}", "&lt;&amp;&gt;&quot;&#39;|`"},
    {"{{{a}}}", "<&>\"'|`"},
    {"{{#list}}{{x}}{{n}} {{/list}}", "p7 q8 "},
    {"{{#words}}{{.}},{{/words}}", "u,v,"},
    {"{{#none}}x{{/none}}{{^none}}y{{/none}}", "y"},
    {"{{#blank}}x{{/blank}}{{#gone}}x{{/gone}}{{^gone}}z{{/gone}}", "z"},
    {"{{#yes}}1{{/yes}}{{#no}}2{{/no}}{{^yes}}3{{/yes}}{{^no}}4{{/no}}", "14"},
    {"{{#list}}{{#list}}{{x}}{{/list}};{{/list}}", "pq;pq;"},
    {"a\n{{#list}}\n- {{x}}\n{{/list}}\nb\n", "a\n- p\n- q\nb\n"},
};

START_TEST(holes_are_filled)
{
    ck_assert_str_eq(fill(filled[_i].text, values, TTT_ESCAPE_HTML), filled[_i].made);
}
END_TEST

START_TEST(markdown_keeps_its_tables)
{
    ck_assert_str_eq(fill("`{{a}}`", values, TTT_ESCAPE_MARKDOWN), "`<&>\"'\\|'`");
    ck_assert_str_eq(fill("{{a}}", "{\"a\": \"two\\nlines\"}", TTT_ESCAPE_MARKDOWN), "two lines");
}
END_TEST

static const struct {
    const char *text, *why;
} refused[] = {
    {"{{gone}}", "no text or integer is called 'gone'"},
    {"{{list}}", "no text or integer is called 'list'"},
    {"{{#list}}x", "nothing closes the section 'list'"},
    {"{{#list}}{{#words}}{{/list}}{{/words}}", "another tag closes the section"},
    {"x{{/list}}", "nothing opens the section 'list'"},
    {"{{a", "a tag is not closed"},
    {"{{{a}}", "a tag is not closed"},
    {"{{}}", "a tag is not closed"},
};

START_TEST(templates_with_faults_are_refused)
{
    ck_assert_str_eq(fill(refused[_i].text, values, TTT_ESCAPE_HTML), "error");
    ck_assert_msg(strstr(error, refused[_i].why) != NULL, "%s", error);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *tests = tcase_create("template");
    tcase_add_loop_test(tests, holes_are_filled, 0, (int)(sizeof filled / sizeof filled[0]));
    tcase_add_test(tests, markdown_keeps_its_tables);
    tcase_add_loop_test(tests, templates_with_faults_are_refused, 0, (int)(sizeof refused / sizeof refused[0]));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
