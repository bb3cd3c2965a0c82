# SPDX-License-Identifier: MIT
"""The two calls of the public package, argument for argument."""
import sys

from . import _checks, _passes


def _ln_eps():
    return float(sys.modules["ttt_tk"].ln_eps)


def _sizes(function, XQ, W1_shape, group):
    """From XQ [B, H, NC, C, F] and the shape of W1_init [B, H, F, D]."""
    batch, heads, mini_batches, mini_batch_size, head_dim = XQ.shape
    return _checks.Sizes(
        batch=batch,
        heads=heads,
        seq_len=mini_batches * mini_batch_size,
        mini_batch_size=mini_batch_size,
        head_dim=head_dim,
        hidden_dim=W1_shape[-1] if len(W1_shape) > 0 and W1_shape[-1] > 0 else 1,
        group=_checks.group_size(function, group),
        ln_eps=_ln_eps(),
    )


def _check_inputs(check, s, tensors):
    """The six operands that both passes read."""
    tokens = (s.batch, s.heads, s.mini_batches, s.mini_batch_size, s.head_dim)
    for name in ("XQ", "XK", "XV"):
        check.tensor(name + "_batch", tensors[name], check.token, tokens)
    check.tensor("last_eta", tensors["last_eta"], check.token, tokens[:-1] + (1,), tokens[:-1])
    for name in ("ttt_norm_weight", "ttt_norm_bias"):
        check.tensor(name, tensors[name], check.state, (1, s.heads, 1, s.head_dim))


def _state_shapes(s, *more):
    """Of W1, b1, W2, b2 with more dimensions after the heads."""
    lead = (s.batch, s.heads) + more
    F, D = s.head_dim, s.hidden_dim
    return {"W1": lead + (F, D), "b1": lead + (1, D), "W2": lead + (D, F), "b2": lead + (1, F)}


def _check_states(check, s, tensors, pattern, *more):
    for letter, shape in _state_shapes(s, *more).items():
        name = pattern.format(letter)
        check.tensor(name, tensors[name], check.state, shape)


def ttt_forward(
    XQ_batch, XK_batch, XV_batch, last_eta, ttt_norm_weight, ttt_norm_bias,
    W1_init, b1_init, W2_init, b2_init,
    W1_checkpoints, b1_checkpoints, W2_checkpoints, b2_checkpoints,
    XQW_batch, checkpoint_group_size,
):  # fmt: skip
    """The forward pass into the given buffers; returns XQW_batch.

    XQ_batch, XK_batch, XV_batch [B, H, NC, C, F], last_eta [B, H, NC, C, 1] or [B, H, NC, C], XQW_batch as XQ_batch:
    bfloat16 (on the CPU also float32 or float64).  ttt_norm_weight, ttt_norm_bias [1, H, 1, F], W1_init [B, H, F, D],
    b1_init [B, H, 1, D], W2_init [B, H, D, F], b2_init [B, H, 1, F], and the checkpoints with
    K = ceil(NC / checkpoint_group_size) after the heads: float32 (float64 with float64).  All contiguous, on one
    device.  Outputs need no clearing.  Runs on the current stream and waits for nothing.  The layer norm's epsilon is
    `ttt_tk.ln_eps`.
    """
    function = "ttt_forward"
    check = _checks.Checker(function, "XQ_batch", XQ_batch, (5,))
    s = _sizes(function, XQ_batch, getattr(W1_init, "shape", ()), checkpoint_group_size)
    t = {
        "XQ": XQ_batch, "XK": XK_batch, "XV": XV_batch, "last_eta": last_eta,
        "ttt_norm_weight": ttt_norm_weight, "ttt_norm_bias": ttt_norm_bias,
        "W1_init": W1_init, "b1_init": b1_init, "W2_init": W2_init, "b2_init": b2_init, "XQW": XQW_batch,
        "W1_checkpoints": W1_checkpoints, "b1_checkpoints": b1_checkpoints,
        "W2_checkpoints": W2_checkpoints, "b2_checkpoints": b2_checkpoints,
    }  # fmt: skip
    _check_inputs(check, s, t)
    _check_states(check, s, t, "{}_init")
    _check_states(check, s, t, "{}_checkpoints", s.checkpoints)
    check.tensor("XQW_batch", XQW_batch, check.token, tuple(XQ_batch.shape))
    _passes.forward(s, t)
    return XQW_batch


def ttt_backward(
    XQ_batch, XK_batch, XV_batch, last_eta, ttt_norm_weight, ttt_norm_bias,
    W1_checkpoints, b1_checkpoints, W2_checkpoints, b2_checkpoints, XQW_batch,
    W1_init_group, b1_init_group, W2_init_group, b2_init_group, x_hat_ln_group, std_ln_group,
    X2_group, Z1_group, Z1_bar_group, X2_bar_group, grad_l_wrt_Z2_group, grad_l_wrt_Z1_group,
    x_hat_fused_group, grad_x_hat_fused_group, grad_output_fused_group, std_fused_group,
    grad_L_W1_last, grad_L_b1_last, grad_L_W2_last, grad_L_b2_last, grad_L_XQW_batch,
    grad_L_ttt_norm_weight, grad_L_ttt_norm_bias,
    grad_L_W1_init, grad_L_b1_init, grad_L_W2_init, grad_L_b2_init,
    grad_L_last_eta, grad_L_XQ, grad_L_XK, grad_L_XV, checkpoint_group_size,
):  # fmt: skip
    """The backward pass into the given buffers; returns grad_L_XQ.

    Inputs and checkpoints as of ttt_forward with the same checkpoint_group_size; upstream gradients grad_L_XQW_batch as
    XQW_batch and grad_L_W1_last ... as the states; outputs as the inputs they belong to, but grad_L_ttt_norm_weight and
    grad_L_ttt_norm_bias [B, H, 1, F], per batch entry: the caller sums.  Outputs need no clearing.  XQW_batch and the
    sixteen buffers *_group are not needed: they are left alone, whatever they are.
    """
    function = "ttt_backward"
    check = _checks.Checker(function, "XQ_batch", XQ_batch, (5,))
    s = _sizes(function, XQ_batch, getattr(W1_checkpoints, "shape", ()), checkpoint_group_size)
    t = {
        "XQ": XQ_batch, "XK": XK_batch, "XV": XV_batch, "last_eta": last_eta,
        "ttt_norm_weight": ttt_norm_weight, "ttt_norm_bias": ttt_norm_bias,
        "W1_checkpoints": W1_checkpoints, "b1_checkpoints": b1_checkpoints,
        "W2_checkpoints": W2_checkpoints, "b2_checkpoints": b2_checkpoints, "grad_L_XQW": grad_L_XQW_batch,
        "grad_L_W1_last": grad_L_W1_last, "grad_L_b1_last": grad_L_b1_last,
        "grad_L_W2_last": grad_L_W2_last, "grad_L_b2_last": grad_L_b2_last,
        "grad_L_ttt_norm_weight": grad_L_ttt_norm_weight, "grad_L_ttt_norm_bias": grad_L_ttt_norm_bias,
        "grad_L_W1_init": grad_L_W1_init, "grad_L_b1_init": grad_L_b1_init,
        "grad_L_W2_init": grad_L_W2_init, "grad_L_b2_init": grad_L_b2_init,
        "grad_L_last_eta": grad_L_last_eta, "grad_L_XQ": grad_L_XQ, "grad_L_XK": grad_L_XK, "grad_L_XV": grad_L_XV,
    }  # fmt: skip
    _check_inputs(check, s, t)
    _check_states(check, s, t, "{}_checkpoints", s.checkpoints)
    _check_states(check, s, t, "grad_L_{}_last")
    _check_states(check, s, t, "grad_L_{}_init")
    tokens = tuple(XQ_batch.shape)
    check.tensor("grad_L_XQW_batch", grad_L_XQW_batch, check.token, tokens)
    for name in ("grad_L_ttt_norm_weight", "grad_L_ttt_norm_bias"):
        check.tensor(name, t[name], check.state, (s.batch, s.heads, 1, s.head_dim))
    check.tensor("grad_L_last_eta", grad_L_last_eta, check.token, tokens[:-1] + (1,), tokens[:-1])
    for name in ("grad_L_XQ", "grad_L_XK", "grad_L_XV"):
        check.tensor(name, t[name], check.token, tokens)
    _passes.backward(s, t)
    return grad_L_XQ
