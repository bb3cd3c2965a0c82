# SPDX-License-Identifier: MIT
"""The C libraries, by ctypes: <ttt/ttt_mlp.h>, <ttt/ttt_ref.h> and <ttt/ttt_gpu.h>."""
import ctypes
import functools
from pathlib import Path

FORWARD_OPERANDS = (
    "XQ XK XV last_eta token_eta ttt_norm_weight ttt_norm_bias W1_init b1_init W2_init b2_init "
    "XQW W1_checkpoints b1_checkpoints W2_checkpoints b2_checkpoints W1_last b1_last W2_last b2_last"
).split()
BACKWARD_OPERANDS = (
    "XQ XK XV last_eta token_eta ttt_norm_weight ttt_norm_bias "
    "W1_checkpoints b1_checkpoints W2_checkpoints b2_checkpoints "
    "grad_L_XQW grad_L_W1_last grad_L_b1_last grad_L_W2_last grad_L_b2_last "
    "grad_L_XQ grad_L_XK grad_L_XV grad_L_last_eta grad_L_token_eta grad_L_ttt_norm_weight grad_L_ttt_norm_bias "
    "grad_L_W1_init grad_L_b1_init grad_L_W2_init grad_L_b2_init"
).split()


class Shape(ctypes.Structure):
    """struct ttt_mlp_shape"""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            "batch", "heads", "seq_len", "mini_batch_size", "head_dim", "hidden_dim", "checkpoint_group_size",
        )
    ] + [("ln_eps", ctypes.c_double), ("causal", ctypes.c_int)]


class ForwardArgs(ctypes.Structure):
    """struct ttt_mlp_forward_args"""

    _fields_ = [(name, ctypes.c_void_p) for name in FORWARD_OPERANDS]


class BackwardArgs(ctypes.Structure):
    """struct ttt_mlp_backward_args"""

    _fields_ = [(name, ctypes.c_void_p) for name in BACKWARD_OPERANDS]


class RefOptions(ctypes.Structure):
    """struct ttt_ref_options"""

    _fields_ = [
        ("threads", ctypes.c_int),
        ("exact_outputs", ctypes.c_int),
        ("stochastic_seed", ctypes.c_uint64),
        ("points", ctypes.c_uint),
        ("exchange_parts", ctypes.c_int),
        ("probe", ctypes.c_void_p),
        ("probe_context", ctypes.c_void_p),
    ]


def _load(name):
    """The library beside this package, else one that the system finds."""
    beside = Path(__file__).parent / "lib" / name
    return ctypes.CDLL(str(beside) if beside.exists() else name)


@functools.lru_cache(maxsize=None)
def ref():
    library = _load("libttt_ref.so")
    library.ttt_status_string.restype = ctypes.c_char_p
    return library


@functools.lru_cache(maxsize=None)
def gpu():
    try:
        return _load("libttt_gpu.so")
    except OSError as error:
        raise RuntimeError("ttt_tk was built without its GPU kernels: libttt_gpu.so is not there") from error


def check(status, what):
    """Nothing for TTT_OK; else an exception with the status in words."""
    if status == 0:
        return
    text = f"{what}: {ref().ttt_status_string(status).decode()}"
    UNSUPPORTED, DEVICE, MEMORY = 9, 10, 11
    if status == UNSUPPORTED:
        raise NotImplementedError(text)
    if status == MEMORY:
        raise MemoryError(text)
    raise RuntimeError(text) if status == DEVICE else ValueError(text)
