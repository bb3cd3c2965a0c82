/* SPDX-License-Identifier: MIT
 *
 * The memory of one call in the process of a plug-in: each operand between pages that may not be touched, in a range of
 * addresses that no other call had, so that a pointer that was kept points nowhere.
 */
#ifndef TTT_HARNESS_WORKER_MEMORY_H
#define TTT_HARNESS_WORKER_MEMORY_H

#include "wire.h"

/* Map the operands of a request and a workspace full of garbage.  0, or -1 with one line in `error`, nothing mapped. */
int ttt_worker_map(const struct ttt_wire_request *request, size_t workspace_bytes, union ttt_arguments *args,
                   struct ttt_candidate_call *call, char *error, size_t error_size);

/* Are the bytes around the workspace as they were? */
int ttt_worker_workspace_intact(void);

void ttt_worker_unmap(void);

/* What an address is, into `where`, `operand` and `distance`.  Safe in a signal handler. */
void ttt_worker_locate(uint64_t address, struct ttt_wire_answer *answer);

#endif
