# SPDX-License-Identifier: MIT
"""What an argument may be: every refusal is an exception that names the argument, what it is and what is allowed."""
from dataclasses import dataclass

import torch

from . import _library
from ._passes import STATE_DTYPE


@dataclass(frozen=True)
class Sizes:
    """The contract's sizes."""

    batch: int
    heads: int
    seq_len: int
    mini_batch_size: int
    head_dim: int
    hidden_dim: int
    group: int
    ln_eps: float

    @property
    def mini_batches(self):
        return -(-self.seq_len // self.mini_batch_size)

    @property
    def checkpoints(self):
        return -(-self.mini_batches // self.group)

    def shape(self):
        """struct ttt_mlp_shape, the batch as more heads."""
        return _library.Shape(
            batch=1,
            heads=self.batch * self.heads,
            seq_len=self.seq_len,
            mini_batch_size=self.mini_batch_size,
            head_dim=self.head_dim,
            hidden_dim=self.hidden_dim,
            checkpoint_group_size=self.group,
            ln_eps=self.ln_eps,
            causal=0,
        )


def group_size(function, value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{function}: checkpoint_group_size is {type(value).__name__} (allowed: int)")
    if value < 1:
        raise ValueError(f"{function}: checkpoint_group_size is {value} (allowed: >= 1)")
    return value


class Checker:
    """Checks tensors of one call: all on the device of the first, whose dtype says which type set it is."""

    def __init__(self, function, name, first, ndims):
        self.function = function
        if not isinstance(first, torch.Tensor):
            raise TypeError(f"{function}: {name} is {type(first).__name__} (allowed: torch.Tensor)")
        if first.device.type not in ("cpu", "cuda"):
            raise ValueError(f"{function}: {name} is on {first.device} (allowed: a CPU or CUDA device)")
        allowed = (torch.bfloat16,) if first.is_cuda else tuple(STATE_DTYPE)
        if first.dtype not in allowed:
            names = ", ".join(str(dtype) for dtype in allowed)
            raise TypeError(f"{function}: {name} is {first.dtype} (allowed on {first.device.type}: {names})")
        if first.dim() not in ndims:
            raise ValueError(f"{function}: {name} has shape {tuple(first.shape)} (allowed: {ndims} dimensions)")
        if 0 in first.shape:
            raise ValueError(f"{function}: {name} has shape {tuple(first.shape)} (allowed: no size 0)")
        self.device = first.device
        self.token = first.dtype
        self.state = STATE_DTYPE[first.dtype]

    def tensor(self, name, x, dtype, *shapes):
        """`x` has `dtype` and one of `shapes`, is contiguous and on the device."""
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"{self.function}: {name} is {type(x).__name__} (allowed: torch.Tensor)")
        if x.device != self.device:
            raise ValueError(f"{self.function}: {name} is on {x.device} (allowed here: {self.device})")
        if x.dtype != dtype:
            raise TypeError(f"{self.function}: {name} is {x.dtype} (allowed here: {dtype})")
        if tuple(x.shape) not in shapes:
            allowed = " or ".join(str(shape) for shape in shapes)
            raise ValueError(f"{self.function}: {name} has shape {tuple(x.shape)} (allowed here: {allowed})")
        if not x.is_contiguous():
            raise ValueError(f"{self.function}: {name} is not contiguous (use {name}.contiguous())")
        return x
