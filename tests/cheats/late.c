/* SPDX-License-Identifier: MIT
 *
 * Says that it is done, and goes on in another thread.
 */
#include "honest.h"
#include <pthread.h>
#include <time.h>

static void *go_on(void *output)
{
    const struct timespec pause = {.tv_nsec = 200000};
    nanosleep(&pause, NULL);
    *(volatile float *)output = 0;
    return NULL;
}

static enum ttt_status forward(FORWARD_PARAMETERS)
{
    pthread_t thread;
    const enum ttt_status status = honest_forward(self, shape, args, call);
    if (pthread_create(&thread, NULL, go_on, args->XQW) == 0)
        pthread_detach(thread);
    return status;
}

CHEAT(cheat.forward = forward)
