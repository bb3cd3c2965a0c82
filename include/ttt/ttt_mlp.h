/* SPDX-License-Identifier: MIT
 *
 * The contract: the function that every backend of this project computes.
 *
 * TTT-MLP is a layer whose hidden state is a two-layer MLP (W1, b1, W2, b2), trained by one step of gradient
 * descent per mini-batch of the sequence it reads (Sun et al., "Learning to (Learn at Test Time): RNNs with
 * Expressive Hidden States", 2024; Dalal et al., "One-Minute Video Generation with Test-Time Training", 2025).
 * This header holds the sizes, the tensors, the equations and the status codes.  It declares no function and there
 * is nothing behind it to link: <ttt/ttt_ref.h> is the CPU reference, <ttt/ttt_candidate.h> a kernel under test.
 *
 *
 * Letters used in comments:  B batch, H heads, N seq_len, C mini_batch_size, F head_dim, D hidden_dim,
 * G checkpoint_group_size, eps ln_eps, NC = ceil(N / C) mini-batches, K = ceil(NC / G) checkpoints.
 * All tensors are dense and row-major, last index fastest.  The last mini-batch and the last group may be short.
 *
 *
 * FORWARD, non-causal form, for one (batch, head) and one mini-batch with rows K, Q, V [C, F] of XK, XQ, XV and
 * eta [C] of last_eta; w, b = ttt_norm_weight, ttt_norm_bias [F] of the head; "eta * M" scales the rows of M:
 *
 *   Z1   = K W1 + b1                                                      [C, D]  linear                   (F1)
 *   X2   = gelu(Z1)                                                       [C, D]  gelu
 *   Z2   = X2 W2 + b2                                                     [C, F]  linear                   (F2)
 *   gZ2  = d/dZ2  1/2 || w * normalize(Z2) + b - (V - K) ||^2             [C, F]  norm_l2_grad
 *   gZ1  = (gZ2 W2^T) * gelu'(Z1)                                         [C, D]                           (F3)
 *   W1' = W1 - K^T (eta * gZ1)      b1' = b1 - sum_rows(eta * gZ1)                update                   (F4)
 *   W2' = W2 - X2^T (eta * gZ2)     b2' = b2 - sum_rows(eta * gZ2)                update                   (F5)
 *   XQW = Q + w * normalize(gelu(Q W1' + b1') W2' + b2') + b              [C, F]  output                   (F6, F7)
 *
 *   gelu(z)      = z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))
 *   normalize(x) = (x - mean(x)) / sqrt(var(x) + eps), per row over F, biased variance
 *
 * With xhat = normalize(Z2), rstd = 1/sqrt(var(Z2) + eps) and a = w * (w * xhat + b - (V - K)), the closed form is
 *   gZ2 = rstd (a - mean(a) - xhat mean(a xhat)).
 * The updated state is the state of the next mini-batch.
 *
 *
 * FORWARD, causal form.  Row r of the output sees only the gradients of rows j <= r.  With
 * E[r, j] = token_eta[r] last_eta[j] for j <= r and 0 otherwise, and gradients taken at the state (W1 .. b2) at the
 * START of the mini-batch, row r uses W1 - sum_j E[r, j] K_j^T gZ1_j and likewise b1, W2, b2.  In the dual form:
 *
 *   Z1b = Q W1 + b1 - (E * (Q K^T)) gZ1 - E gZ1             X2b = gelu(Z1b)
 *   Z2b = X2b W2 + b2 - (E * (X2b X2^T)) gZ2 - E gZ2        XQW = Q + w * normalize(Z2b) + b
 *
 * The state carried to the next mini-batch is that of the last existing row.
 *
 *
 * BACKWARD.  The exact gradient of L(XQW, W1_last .. b2_last) with respect to every input, through the inner step.
 * States inside a checkpoint group are recomputed from the group's checkpoint.  Products of the non-causal form
 * (' = after the update, X2b and Z1b belong to the output, d = gradient of L):
 *
 *   B1, B2    dX2b = dZ2b W2'^T ;  dW2' += X2b^T dZ2b
 *   B3, B4    dW1' += Q^T dZ1b ;  dXQ += dZ1b W1'^T
 *   B5, B6    dgZ1 = -eta (K dW1' + db1') ;  dgZ2 = -eta (X2 dW2' + db2') + B7
 *   B7        (dgZ1 * gelu'(Z1)) W2
 *   B8, B9    gZ1 dW1'^T  (for dXK, dlast_eta) ;  gZ2 dW2'^T  (for dX2, dlast_eta)
 *   B10       dW2 += (dgZ1 * gelu'(Z1))^T gZ2
 *   B11-B14   dX2 += dZ2 W2^T ;  dXK += dZ1 W1^T ;  dW1 += K^T dZ1 ;  dW2 += X2^T dZ2
 *
 *
 * ELEMENT TYPES.  A backend belongs to one type set (enum ttt_types).  "Token tensors" are XQ, XK, XV, last_eta,
 * XQW, grad_L_XQW, grad_L_XQ, grad_L_XK, grad_L_XV and grad_L_last_eta; all others are "state tensors":
 *
 *   set              token tensors       state tensors
 *   TTT_TYPES_F64    double              double
 *   TTT_TYPES_F32    float               float
 *   TTT_TYPES_BF16   bfloat16            float           (bfloat16: the upper 16 bits of an IEEE binary32)
 *
 *
 * THE PRECISION CONTRACT of TTT_TYPES_BF16.  Each matrix product multiplies bfloat16 operands and sums in float, in
 * any order.  An operand is its float value rounded once, to nearest even, at the product; eta scales the
 * gradient-side operand, in float, before that rounding.  Nothing else rounds: state, biases and their sums over
 * rows, gelu and its derivatives, layer norm, residual and the carried state gradient are float.  XQW and the four
 * bfloat16 gradients are rounded once, at the end.  The products are F1-F7 and B1-B14 above; recomputation repeats
 * F1-F7 exactly.  In the causal form they are those of the dual form (Q W1, Q K^T, (E * Q K^T) gZ1, E gZ1 and the
 * same four with X2b, X2, gZ2) and of its gradient.
 *
 *
 * NON-FINITE VALUES.  gelu and its derivatives reach their limits for large |z| (gelu 0 or z, gelu' 0 or 1,
 * gelu'' 0), never NaN.  eps = 0 with a constant row gives NaN there.  A non-finite input in mini-batch m of one
 * (batch, head) leaves outputs of mini-batches < m, and every other (batch, head), bitwise unchanged; in the causal
 * form also the earlier rows of m.  NaN gradients may spread backwards in time, not to other heads.
 */
#ifndef TTT_MLP_H
#define TTT_MLP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returned.  Whatever is not TTT_OK was found before anything was computed: no output has been touched. */
enum ttt_status {
    TTT_OK = 0,
    TTT_ERROR_NULL,        /* a required pointer is NULL, or an optional group of four is given in part */
    TTT_ERROR_SIZE,        /* a size is < 1, or larger than a matrix product can take (INT32_MAX for C, F, D) */
    TTT_ERROR_OVERFLOW,    /* the bytes of a tensor or of the workspace do not fit in size_t / 2 */
    TTT_ERROR_EPS,         /* ln_eps is negative, infinite or NaN */
    TTT_ERROR_FORM,        /* `causal` is neither 0 nor 1, or token_eta does not go with it */
    TTT_ERROR_ALIGNMENT,   /* a pointer is not aligned as its element type (or as the backend says) requires */
    TTT_ERROR_ALIAS,       /* an output overlaps another output, an input or the workspace */
    TTT_ERROR_WORKSPACE,   /* the workspace is smaller than the query said */
    TTT_ERROR_UNSUPPORTED, /* the backend does not serve this shape, form or option */
    TTT_ERROR_DEVICE,      /* no usable device, a pointer that is not the device's, or the launch failed */
    TTT_ERROR_MEMORY       /* memory could not be had */
};

/* Element types of a backend's tensors; see "ELEMENT TYPES" above. */
enum ttt_types { TTT_TYPES_F64 = 0, TTT_TYPES_F32 = 1, TTT_TYPES_BF16 = 2 };

/* Everything but the data.  Sizes are counts of elements, all >= 1. */
struct ttt_mlp_shape {
    int64_t batch;                 /* B: independent sequences */
    int64_t heads;                 /* H: independent heads */
    int64_t seq_len;               /* N: tokens in a sequence */
    int64_t mini_batch_size;       /* C: tokens per inner step; C > N is legal (one short mini-batch) */
    int64_t head_dim;              /* F: width of a token */
    int64_t hidden_dim;            /* D: inner width of the MLP */
    int64_t checkpoint_group_size; /* G: mini-batches between two checkpoints; G > NC is legal (one checkpoint) */
    double ln_eps;                 /* eps: finite, >= 0, added to the variance; the same forward and backward */
    int causal;                    /* 0 non-causal form, 1 causal form */
};

/* Operands of the forward pass.  Each pointer: [shape], element type by the backend's type set. */
struct ttt_mlp_forward_args {
    /* in */
    const void *XQ, *XK, *XV;    /* [B, H, N, F] token: query (output view), key (training view), value (label) */
    const void *last_eta;        /* [B, H, N]    token: learning rate of token j as it enters the update */
    const void *token_eta;       /* [C]          state: scale of row r, shared; causal form only, NULL = all 1 */
    const void *ttt_norm_weight; /* [H, F]       state */
    const void *ttt_norm_bias;   /* [H, F]       state */
    const void *W1_init;         /* [B, H, F, D] state: the state before the first mini-batch */
    const void *b1_init;         /* [B, H, D]    state */
    const void *W2_init;         /* [B, H, D, F] state */
    const void *b2_init;         /* [B, H, F]    state */
    /* out */
    void *XQW;            /* [B, H, N, F]    token */
    void *W1_checkpoints; /* [B, H, K, F, D] state: the state BEFORE mini-batch kG; all four or none */
    void *b1_checkpoints; /* [B, H, K, D]    state */
    void *W2_checkpoints; /* [B, H, K, D, F] state */
    void *b2_checkpoints; /* [B, H, K, F]    state */
    void *W1_last;        /* [B, H, F, D]    state: after the last mini-batch; all four or none */
    void *b1_last;        /* [B, H, D]       state */
    void *W2_last;        /* [B, H, D, F]    state */
    void *b2_last;        /* [B, H, F]       state */
};

/* Operands of the backward pass.  The initial state is checkpoint 0. */
struct ttt_mlp_backward_args {
    /* in */
    const void *XQ, *XK, *XV;    /* [B, H, N, F]    token */
    const void *last_eta;        /* [B, H, N]       token */
    const void *token_eta;       /* [C]             state; causal form only, NULL = all 1 */
    const void *ttt_norm_weight; /* [H, F]          state */
    const void *ttt_norm_bias;   /* [H, F]          state */
    const void *W1_checkpoints;  /* [B, H, K, F, D] state: as the forward pass with the same G wrote them */
    const void *b1_checkpoints;  /* [B, H, K, D]    state */
    const void *W2_checkpoints;  /* [B, H, K, D, F] state */
    const void *b2_checkpoints;  /* [B, H, K, F]    state */
    const void *grad_L_XQW;      /* [B, H, N, F]    token */
    const void *grad_L_W1_last;  /* [B, H, F, D]    state; optional, all four or none (none = zero) */
    const void *grad_L_b1_last;  /* [B, H, D]       state */
    const void *grad_L_W2_last;  /* [B, H, D, F]    state */
    const void *grad_L_b2_last;  /* [B, H, F]       state */
    /* out */
    void *grad_L_XQ, *grad_L_XK, *grad_L_XV; /* [B, H, N, F] token */
    void *grad_L_last_eta;                   /* [B, H, N]       token */
    void *grad_L_token_eta;       /* [C]             state; causal form only (optional there): summed over B, H, NC */
    void *grad_L_ttt_norm_weight; /* [H, F]          state: summed over the batch */
    void *grad_L_ttt_norm_bias;   /* [H, F]          state: summed over the batch */
    void *grad_L_W1_init;         /* [B, H, F, D]    state */
    void *grad_L_b1_init;         /* [B, H, D]       state */
    void *grad_L_W2_init;         /* [B, H, D, F]    state */
    void *grad_L_b2_init;         /* [B, H, F]       state */
};

/* What a backend computed on its way, where it offers to show it: the result of one equation above for rows
 * [row, row + rows) of one mini-batch.  Valid during the call only. */
struct ttt_mlp_stage {
    const char *equation; /* its number or name and the quantity: "F1 Z1", "gelu X2", "B7 dgZ2" */
    int64_t head;         /* of B H */
    int64_t mini_batch;
    int64_t row, rows, columns;
    const void *values; /* [rows, columns], of the type of state tensors */
};
typedef void ttt_mlp_probe_fn(void *context, const struct ttt_mlp_stage *stage);

#ifdef __cplusplus
}
#endif

#endif
