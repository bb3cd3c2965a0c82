/* SPDX-License-Identifier: MIT */
#include "cases.h"
#include "harness/text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct cases *cases, const char *line, const struct ttt_message *message)
{
    struct batch *list = realloc(cases->list, (cases->count + 1) * sizeof *list);
    char *text = list ? strdup(line) : NULL;
    if (list)
        cases->list = list;
    if (!text)
        return ttt_message_refuse(message, "out of memory");
    struct batch *batch = &list[cases->count++];
    *batch = (struct batch){.text = text};
    char *rest = NULL;
    for (char *word = strtok_r(text, ";", &rest); word; word = strtok_r(NULL, ";", &rest)) {
        if (batch->count == CASES_PER_RUN)
            return ttt_message_refuse(message, "more than %d cases in one line", CASES_PER_RUN);
        word += strspn(word, " ");
        for (size_t n = strlen(word); n > 0 && word[n - 1] == ' '; n--)
            word[n - 1] = '\0';
        batch->cases[batch->count++] = word;
    }
    return 0;
}

int cases_read(struct cases *cases, const char *path, char *error, size_t error_size)
{
    const struct ttt_message message = {path, error, error_size};
    FILE *in = fopen(path, "r");
    if (!in)
        return ttt_message_refuse(&message, "%s", strerror(errno));
    char *line = NULL;
    size_t room = 0;
    int status = 0;
    while (status == 0 && getline(&line, &room, in) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            status = add(cases, line, &message);
    }
    free(line);
    fclose(in);
    return status == 0 && cases->count == 0 ? ttt_message_refuse(&message, "there is no case in it") : status;
}

void cases_free(struct cases *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        free(cases->list[i].text);
    free(cases->list);
    *cases = (struct cases){.list = NULL};
}
