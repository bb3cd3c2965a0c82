/* SPDX-License-Identifier: MIT
 *
 * Device memory for plug-ins that want it, in their own process: the operands of a call on a CUDA device between red
 * zones.  The driver is loaded when it is needed, so that every build of the judge can judge a device kernel.
 */
#ifndef TTT_HARNESS_DEVICE_H
#define TTT_HARNESS_DEVICE_H

#include "wire.h"

/* The operands of one call on the device. */
struct ttt_device_block {
    union ttt_arguments args;
    uint64_t allocation[TTT_OPERANDS_MOST + 1]; /* the last one is the workspace */
    uint64_t bytes[TTT_OPERANDS_MOST + 1];
};

/* Load the driver and make the primary context of device 0 current.  0, or -1 with one line in `text`. */
int ttt_device_open(char *text, size_t text_size);

/* Copy the operands to the device, outputs with their poison too.  0, or -1 with the answer filled. */
int ttt_device_stage(struct ttt_device_block *block, const struct ttt_wire_request *request,
                     const union ttt_arguments *host, size_t workspace_bytes, struct ttt_candidate_call *call,
                     struct ttt_wire_answer *answer);

/* Copy the outputs back; see that red zones and inputs are what they were. */
void ttt_device_unstage(const struct ttt_device_block *block, const struct ttt_wire_request *request,
                        const union ttt_arguments *host, struct ttt_wire_answer *answer);

void ttt_device_free(struct ttt_device_block *block);

/* Wait for the stream that calls get. */
void ttt_device_wait(void);

/* Does CUDA report an error, in this process or its device?  Also where a plug-in in host memory uses CUDA by itself.
 * 1 with its name in `text`, or 0. */
int ttt_device_failed(char *text, size_t text_size);

#endif
