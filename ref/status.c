/* SPDX-License-Identifier: MIT */
#include <ttt/ttt_ref.h>

const char *ttt_status_string(enum ttt_status status)
{
    switch (status) {
    case TTT_OK:
        return "ok";
    case TTT_ERROR_NULL:
        return "a required pointer is NULL, or a group of four is given in part";
    case TTT_ERROR_SIZE:
        return "a size is out of range (each >= 1; C, F, D <= 2147483647)";
    case TTT_ERROR_OVERFLOW:
        return "the bytes of a tensor or of the workspace overflow";
    case TTT_ERROR_EPS:
        return "ln_eps must be finite and >= 0";
    case TTT_ERROR_FORM:
        return "causal must be 0 or 1, and token_eta and its gradient belong to the causal form";
    case TTT_ERROR_ALIGNMENT:
        return "a pointer is not aligned to its element type, or the workspace not to 64 bytes";
    case TTT_ERROR_ALIAS:
        return "an output overlaps another operand";
    case TTT_ERROR_WORKSPACE:
        return "the workspace is smaller than the query said";
    case TTT_ERROR_UNSUPPORTED:
        return "the backend does not serve this shape, form or option";
    case TTT_ERROR_DEVICE:
        return "no usable device, or the launch failed";
    case TTT_ERROR_MEMORY:
        return "out of memory";
    }
    return "unknown status";
}
