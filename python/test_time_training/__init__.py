# SPDX-License-Identifier: MIT
"""ttt_tk under the name by which the video model imports it; its setting is `ttt_tk.ln_eps`."""
from ttt_tk import ttt_backward, ttt_forward, ttt_mlp

__all__ = ["ttt_backward", "ttt_forward", "ttt_mlp"]
