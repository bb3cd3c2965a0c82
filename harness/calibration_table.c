/* SPDX-License-Identifier: MIT */
#include "calibration.h"
const struct ttt_calibration ttt_calibration_table = {.version = 0};
