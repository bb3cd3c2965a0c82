# SPDX-License-Identifier: MIT
"""ttt_mlp: the layer as a differentiable PyTorch operator."""
import sys
from typing import Tuple

import torch
from torch import Tensor

from . import _checks, _passes

_STATES = ("W1", "b1", "W2", "b2")
_INPUTS = ("XQ", "XK", "XV", "last_eta", "ttt_norm_weight", "ttt_norm_bias") + tuple(f"{s}_init" for s in _STATES)


def _check(tensors, mini_batch_size, group, ln_eps):
    """Sizes of checked inputs."""
    function = "ttt_mlp"
    XQ, W1 = tensors[0], tensors[6]
    check = _checks.Checker(function, "XQ", XQ, (4,))
    if mini_batch_size < 1:
        raise ValueError(f"{function}: mini_batch_size is {mini_batch_size} (allowed: >= 1)")
    if not 0 <= ln_eps < float("inf"):
        raise ValueError(f"{function}: ln_eps is {ln_eps} (allowed: finite, >= 0)")
    B, H, N, F = XQ.shape
    D = W1.shape[-1] if W1.dim() > 0 and W1.shape[-1] > 0 else 1
    shapes = {
        "XQ": (B, H, N, F), "XK": (B, H, N, F), "XV": (B, H, N, F), "last_eta": (B, H, N),
        "ttt_norm_weight": (H, F), "ttt_norm_bias": (H, F),
        "W1_init": (B, H, F, D), "b1_init": (B, H, D), "W2_init": (B, H, D, F), "b2_init": (B, H, F),
    }  # fmt: skip
    for i, (name, x) in enumerate(zip(_INPUTS, tensors)):
        check.tensor(name, x, check.token if i < 4 else check.state, shapes[name])
    return _checks.Sizes(B, H, N, mini_batch_size, F, D, _checks.group_size(function, group), ln_eps)


def _forward_outputs(sizes, XQ, state):
    """XQW, checkpoints and last state, without values."""
    F, D, K = sizes.head_dim, sizes.hidden_dim, sizes.checkpoints
    lead = (sizes.batch, sizes.heads)
    inner = ((F, D), (D,), (D, F), (F,))
    return (
        (torch.empty_like(XQ),)
        + tuple(state.new_empty(lead + (K,) + shape) for shape in inner)
        + tuple(state.new_empty(lead + shape) for shape in inner)
    )


@torch.library.custom_op("ttt_tk::mlp_forward", mutates_args=())
def _mlp_forward(
    XQ: Tensor, XK: Tensor, XV: Tensor, last_eta: Tensor, ttt_norm_weight: Tensor, ttt_norm_bias: Tensor,
    W1_init: Tensor, b1_init: Tensor, W2_init: Tensor, b2_init: Tensor,
    mini_batch_size: int, checkpoint_group_size: int, ln_eps: float,
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    inputs = (XQ, XK, XV, last_eta, ttt_norm_weight, ttt_norm_bias, W1_init, b1_init, W2_init, b2_init)
    sizes = _check(inputs, mini_batch_size, checkpoint_group_size, ln_eps)
    outputs = _forward_outputs(sizes, XQ, W1_init)
    names = ("XQW",) + tuple(f"{s}_checkpoints" for s in _STATES) + tuple(f"{s}_last" for s in _STATES)
    _passes.forward(sizes, dict(zip(_INPUTS + names, inputs + outputs)))
    return outputs


@_mlp_forward.register_fake
def _(*args):
    B, H, N, F = args[0].shape
    sizes = _checks.Sizes(B, H, N, args[10], F, args[6].shape[-1], args[11], args[12])
    return _forward_outputs(sizes, args[0], args[6])


@torch.library.custom_op("ttt_tk::mlp_backward", mutates_args=())
def _mlp_backward(
    XQ: Tensor, XK: Tensor, XV: Tensor, last_eta: Tensor, ttt_norm_weight: Tensor, ttt_norm_bias: Tensor,
    W1_checkpoints: Tensor, b1_checkpoints: Tensor, W2_checkpoints: Tensor, b2_checkpoints: Tensor,
    grad_L_XQW: Tensor, grad_L_W1_last: Tensor, grad_L_b1_last: Tensor, grad_L_W2_last: Tensor,
    grad_L_b2_last: Tensor, mini_batch_size: int, checkpoint_group_size: int, ln_eps: float,
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    inputs = (XQ, XK, XV, last_eta, ttt_norm_weight, ttt_norm_bias)
    checkpoints = (W1_checkpoints, b1_checkpoints, W2_checkpoints, b2_checkpoints)
    upstream = (grad_L_XQW, grad_L_W1_last, grad_L_b1_last, grad_L_W2_last, grad_L_b2_last)
    B, H, N, F = XQ.shape
    sizes = _checks.Sizes(
        B, H, N, mini_batch_size, F, W1_checkpoints.shape[-1], checkpoint_group_size, ln_eps
    )
    outputs = _backward_outputs(inputs + checkpoints)
    names = (
        _INPUTS[:6] + tuple(f"{s}_checkpoints" for s in _STATES)
        + ("grad_L_XQW",) + tuple(f"grad_L_{s}_last" for s in _STATES) + tuple(f"grad_L_{name}" for name in _INPUTS)
    )  # fmt: skip
    per_batch = [ttt_norm_weight.new_empty((B, H, F)) for _ in range(2)]
    results = outputs[:4] + tuple(per_batch) + outputs[6:]
    _passes.backward(sizes, dict(zip(names, inputs + checkpoints + tuple(x.contiguous() for x in upstream) + results)))
    for total, parts in zip(outputs[4:6], per_batch):
        torch.sum(parts, dim=0, out=total)
    return outputs


def _backward_outputs(inputs):
    """Gradients of the six inputs and of the initial state, without values; checkpoints have K after the heads."""
    like = [torch.empty_like(x) for x in inputs[:6]]
    return tuple(like) + tuple(x.new_empty(x.shape[:2] + x.shape[3:]) for x in inputs[6:10])


@_mlp_backward.register_fake
def _(*args):
    return _backward_outputs(args[:10])


def _setup_context(ctx, inputs, output):
    ctx.sizes = inputs[10:13]
    ctx.save_for_backward(*inputs[:6], *output[1:5])


def _autograd(ctx, grad_XQW, gW1c, gb1c, gW2c, gb2c, *grad_last):
    # Checkpoints are for this function alone: ttt_mlp does not give them away, so nothing comes back through them.
    upstream = (grad_XQW,) + grad_last
    grads = torch.ops.ttt_tk.mlp_backward(*ctx.saved_tensors, *(x.contiguous() for x in upstream), *ctx.sizes)
    return tuple(grads) + (None, None, None)


_mlp_forward.register_autograd(_autograd, setup_context=_setup_context)


def ttt_mlp(
    XQ, XK, XV, last_eta, ttt_norm_weight, ttt_norm_bias, W1_init, b1_init, W2_init, b2_init,
    *, mini_batch_size=64, checkpoint_group_size=16, ln_eps=None, return_state=False,
):  # fmt: skip
    """The TTT-MLP layer, non-causal form, differentiable in all ten tensors.

    XQ, XK, XV [B, H, N, F] and last_eta [B, H, N]: bfloat16 (on the CPU also float32 or float64).  ttt_norm_weight,
    ttt_norm_bias [H, F], W1_init [B, H, F, D], b1_init [B, H, D], W2_init [B, H, D, F], b2_init [B, H, F]: float32
    (float64 with float64).  All contiguous.  The last of the ceil(N / mini_batch_size) mini-batches may be short.
    `ln_eps`: of the layer norm in both passes; None: `ttt_tk.ln_eps`.  `checkpoint_group_size`: the backward pass
    recomputes that many mini-batches at a time.

    Returns XQW [B, H, N, F]; with return_state, (XQW, W1_last, b1_last, W2_last, b2_last).
    """
    eps = float(sys.modules["ttt_tk"].ln_eps if ln_eps is None else ln_eps)
    outputs = torch.ops.ttt_tk.mlp_forward(
        XQ, XK, XV, last_eta, ttt_norm_weight, ttt_norm_bias, W1_init, b1_init, W2_init, b2_init,
        mini_batch_size, checkpoint_group_size, eps,
    )  # fmt: skip
    return (outputs[0],) + tuple(outputs[5:]) if return_state else outputs[0]
