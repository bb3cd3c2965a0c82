/* SPDX-License-Identifier: MIT
 *
 * A management library of GPUs where none is, for the test of what reports say of their machine: there are two, and the
 * second does not tell its name.
 */
#include <stdio.h>

static int open;
static int devices[2];

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned size);

int nvmlInit_v2(void)
{
    open = 1;
    return 0;
}

int nvmlShutdown(void)
{
    open = 0;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 2;
    return !open;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    *device = &devices[index];
    return !open;
}

int nvmlDeviceGetName(void *device, char *name, unsigned size)
{
    snprintf(name, size, "Paper GPU");
    return device != &devices[0];
}
