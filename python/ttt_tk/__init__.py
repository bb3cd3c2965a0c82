# SPDX-License-Identifier: MIT
"""TTT-MLP for PyTorch: a drop-in for the public package's two calls, and the layer as a differentiable operator.

    ttt_tk.ttt_forward(...)    16 arguments, into given buffers
    ttt_tk.ttt_backward(...)   43 arguments, into given buffers
    ttt_tk.ttt_mlp(...)        differentiable; works under torch.compile
    ttt_tk.ln_eps              the layer norm's epsilon of both passes; 1e-8, the video model's, unless you assign

CUDA tensors go through the Hopper kernels, on the current stream and without waiting; CPU tensors through the reference.
"""
from ._op import ttt_mlp
from ._public import ttt_backward, ttt_forward

ln_eps = 1e-8

__all__ = ["ln_eps", "ttt_backward", "ttt_forward", "ttt_mlp"]
