/* SPDX-License-Identifier: MIT */
#include "red_zone.h"
#include <string.h>

enum { RED_BYTE = 0xA5 };

void ttt_red_zone_fill(void *zone, size_t bytes)
{
    memset(zone, RED_BYTE, bytes);
}

int ttt_red_zone_intact(const void *zone, size_t bytes)
{
    const unsigned char *byte = zone;
    for (size_t i = 0; i < bytes; i++)
        if (byte[i] != RED_BYTE)
            return 0;
    return 1;
}
