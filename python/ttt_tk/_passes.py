# SPDX-License-Identifier: MIT
"""One pass over tensors that have been checked: on the CPU through the reference, on a GPU through the kernels.

A batch is handed over as more heads: [B, H, ...] is [1, B H, ...] in memory, and the gradients of the norm then come
per batch entry.
"""
import ctypes

import torch

from . import _library

_SUFFIX = {torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64"}
STATE_DTYPE = {torch.bfloat16: torch.float32, torch.float32: torch.float32, torch.float64: torch.float64}


def _per_head(norm, batch):
    """[H, F] for each head of [B, H]."""
    return norm if batch == 1 else norm.repeat(batch, 1)


def _run_on_cpu(direction, shape, args, dtype):
    library = _library.ref()
    options = _library.RefOptions(threads=min(torch.get_num_threads(), 4096))
    size = ctypes.c_size_t()
    query = getattr(library, f"ttt_ref_mlp_{direction}_workspace_{_SUFFIX[dtype]}")
    _library.check(query(ctypes.byref(shape), ctypes.byref(options), ctypes.byref(size)), f"{direction} on the CPU")
    alignment = 64
    workspace = torch.empty(size.value + alignment, dtype=torch.uint8)
    start = -(-workspace.data_ptr() // alignment) * alignment
    run = getattr(library, f"ttt_ref_mlp_{direction}_{_SUFFIX[dtype]}")
    status = run(ctypes.byref(shape), ctypes.byref(args), ctypes.byref(options), ctypes.c_void_p(start), size)
    _library.check(status, f"{direction} on the CPU")


def _run_on_gpu(direction, shape, args, device):
    library = _library.gpu()
    size = ctypes.c_size_t()
    if not hasattr(library, f"ttt_gpu_mlp_{direction}"):
        raise NotImplementedError(f"libttt_gpu.so has no {direction} pass")
    with torch.cuda.device(device):
        query = getattr(library, f"ttt_gpu_mlp_{direction}_workspace")
        _library.check(query(ctypes.byref(shape), None, ctypes.byref(size)), f"{direction} on {device}")
        workspace = torch.empty(size.value, dtype=torch.uint8, device=device) if size.value else None
        pointer = ctypes.c_void_p(workspace.data_ptr() if size.value else None)
        stream = ctypes.c_void_p(torch.cuda.current_stream(device).cuda_stream)
        run = getattr(library, f"ttt_gpu_mlp_{direction}")
        status = run(ctypes.byref(shape), ctypes.byref(args), None, pointer, size, stream)
        _library.check(status, f"{direction} on {device}")


def _run(direction, shape, tensors, kind):
    args = kind(**{name: x.data_ptr() for name, x in tensors.items() if x is not None})
    some = tensors["XQ"]
    if some.is_cuda:
        _run_on_gpu(direction, shape, args, some.device)
    else:
        _run_on_cpu(direction, shape, args, some.dtype)


def forward(sizes, tensors):
    """`sizes`: a _checks.Sizes; `tensors`: by the contract's names, contiguous, inputs and outputs."""
    tensors = dict(tensors)
    for name in ("ttt_norm_weight", "ttt_norm_bias"):
        tensors[name] = _per_head(tensors[name].reshape(sizes.heads, sizes.head_dim), sizes.batch)
    _run("forward", sizes.shape(), tensors, _library.ForwardArgs)


def backward(sizes, tensors):
    """The same; grad_L_ttt_norm_weight and grad_L_ttt_norm_bias are per batch entry: [B, H, F]."""
    tensors = dict(tensors)
    for name in ("ttt_norm_weight", "ttt_norm_bias"):
        tensors[name] = _per_head(tensors[name].reshape(sizes.heads, sizes.head_dim), sizes.batch)
    _run("backward", sizes.shape(), tensors, _library.BackwardArgs)
