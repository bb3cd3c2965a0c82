# SPDX-License-Identifier: MIT
"""The package as PyTorch users meet it, on the CPU: python3 -m unittest test_ttt_tk."""
import glob
import inspect
import json
import os
import struct
import unittest

import test_time_training
import torch
import ttt_tk

torch.set_num_threads(1)
STATE = {torch.bfloat16: torch.float32, torch.float32: torch.float32, torch.float64: torch.float64}
NAMES = "XQ XK XV last_eta ttt_norm_weight ttt_norm_bias W1_init b1_init W2_init b2_init".split()
FORWARD = (
    "XQ_batch XK_batch XV_batch last_eta ttt_norm_weight ttt_norm_bias W1_init b1_init W2_init b2_init "
    "W1_checkpoints b1_checkpoints W2_checkpoints b2_checkpoints XQW_batch checkpoint_group_size"
).split()
BACKWARD = (
    "XQ_batch XK_batch XV_batch last_eta ttt_norm_weight ttt_norm_bias "
    "W1_checkpoints b1_checkpoints W2_checkpoints b2_checkpoints XQW_batch "
    "W1_init_group b1_init_group W2_init_group b2_init_group x_hat_ln_group std_ln_group X2_group Z1_group "
    "Z1_bar_group X2_bar_group grad_l_wrt_Z2_group grad_l_wrt_Z1_group x_hat_fused_group grad_x_hat_fused_group "
    "grad_output_fused_group std_fused_group "
    "grad_L_W1_last grad_L_b1_last grad_L_W2_last grad_L_b2_last grad_L_XQW_batch "
    "grad_L_ttt_norm_weight grad_L_ttt_norm_bias grad_L_W1_init grad_L_b1_init grad_L_W2_init grad_L_b2_init "
    "grad_L_last_eta grad_L_XQ grad_L_XK grad_L_XV checkpoint_group_size"
).split()
UNUSED = BACKWARD[10:27]


def draw(B, H, N, F, D, dtype, seed=0):
    """Inputs of ttt_mlp."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    tokens = [normal(B, H, N, F) for _ in range(3)] + [0.02 * normal(B, H, N).abs()]
    state = [1 + 0.1 * normal(H, F), 0.1 * normal(H, F)]
    state += [0.2 * normal(B, H, F, D), 0.1 * normal(B, H, D), 0.2 * normal(B, H, D, F), 0.1 * normal(B, H, F)]
    return [x.to(dtype) for x in tokens] + [x.to(STATE[dtype]) for x in state]


def drop_in_arguments(B, H, NC, C, F, D, G, dtype):
    """Arguments of ttt_forward and ttt_backward by name; outputs are NaN, what is not needed is None."""
    x = draw(B, H, NC * C, F, D, dtype)
    state, K = STATE[dtype], -(-NC // G)
    inner = {"W1": (F, D), "b1": (1, D), "W2": (D, F), "b2": (1, F)}

    def nan(*shape, dtype):
        return torch.full(shape, float("nan"), dtype=dtype)

    a = {name: t.reshape(B, H, NC, C, F) for name, t in zip(("XQ_batch", "XK_batch", "XV_batch"), x)}
    a["last_eta"] = x[3].reshape(B, H, NC, C, 1)
    a.update({name: t.reshape(1, H, 1, F) for name, t in zip(NAMES[4:6], x[4:6])})
    for (name, shape), t in zip(inner.items(), x[6:]):
        a[f"{name}_init"] = t.reshape((B, H) + shape)
        a[f"{name}_checkpoints"] = nan(B, H, K, *shape, dtype=state)
        a[f"grad_L_{name}_last"] = torch.ones((B, H) + shape, dtype=state)
        a[f"grad_L_{name}_init"] = nan(B, H, *shape, dtype=state)
    for name in ("XQW_batch", "grad_L_XQ", "grad_L_XK", "grad_L_XV"):
        a[name] = nan(B, H, NC, C, F, dtype=dtype)
    a["grad_L_XQW_batch"] = draw(B, H, NC * C, F, D, dtype, seed=1)[0].reshape(B, H, NC, C, F)
    a["grad_L_last_eta"] = nan(B, H, NC, C, 1, dtype=dtype)
    a["grad_L_ttt_norm_weight"], a["grad_L_ttt_norm_bias"] = (nan(B, H, 1, F, dtype=state) for _ in range(2))
    a["checkpoint_group_size"] = G
    a.update({name: None for name in UNUSED if name != "XQW_batch"})
    return a


def forward(a):
    return ttt_tk.ttt_forward(*(a[name] for name in FORWARD))


def backward(a):
    return ttt_tk.ttt_backward(*(a[name] for name in BACKWARD))


def read_vectors(path):
    """Metadata and tensors of a .safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    dtypes = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16}
    metadata, tensors = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=dtypes[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).double()
    return metadata, tensors


class DropIn(unittest.TestCase):
    def test_arguments_are_those_of_the_public_package(self):
        self.assertEqual(list(inspect.signature(ttt_tk.ttt_forward).parameters), FORWARD)
        self.assertEqual(list(inspect.signature(ttt_tk.ttt_backward).parameters), BACKWARD)
        self.assertEqual((len(FORWARD), len(BACKWARD)), (16, 43))
        self.assertIs(test_time_training.ttt_forward, ttt_tk.ttt_forward)
        self.assertIs(test_time_training.ttt_backward, ttt_tk.ttt_backward)

    def test_gives_the_bits_of_ttt_mlp(self):
        for dtype in STATE:
            B, H, NC, C, F, D, G = 2, 3, 3, 4, 8, 12, 2
            a = drop_in_arguments(B, H, NC, C, F, D, G, dtype)
            self.assertIs(forward(a), a["XQW_batch"])
            self.assertIs(backward(a), a["grad_L_XQ"])
            x = [t.requires_grad_() for t in draw(B, H, NC * C, F, D, dtype)]
            y = ttt_tk.ttt_mlp(*x, mini_batch_size=C, checkpoint_group_size=G, return_state=True)
            upstream = [a["grad_L_XQW_batch"].reshape(y[0].shape)] + [torch.ones_like(t) for t in y[1:]]
            grads = torch.autograd.grad(y, x, upstream)
            self.assertTrue(torch.equal(a["XQW_batch"].flatten(2, 3), y[0]))
            self.assertTrue(torch.equal(a["W1_checkpoints"][:, :, 0], a["W1_init"]))
            for name, grad in zip(NAMES, grads):
                mine = a[f"grad_L_{name}"]
                mine = mine.sum(dim=0) if "norm" in name else mine
                self.assertTrue(torch.equal(mine.reshape(grad.shape), grad), f"{name} {dtype}")

    def test_four_dimensions_of_eta(self):
        a = drop_in_arguments(1, 2, 2, 4, 8, 8, 1, torch.bfloat16)
        forward(a)
        first = a["XQW_batch"].clone()
        a["last_eta"] = a["last_eta"].squeeze(-1)
        self.assertTrue(torch.equal(forward(a), first))

    def test_eps_is_one_setting(self):
        a = drop_in_arguments(1, 1, 2, 4, 8, 8, 1, torch.float64)
        a["W2_init"] *= 1e-3
        a["b2_init"] *= 1e-3
        one = forward(a).clone()
        self.assertEqual(ttt_tk.ln_eps, 1e-8)
        try:
            ttt_tk.ln_eps = 1e-2
            other = forward(a).clone()
        finally:
            ttt_tk.ln_eps = 1e-8
        self.assertGreater((one - other).abs().max().item(), 0.1)

    def refuse(self, call, a, name, value, exception):
        wrong = dict(a, **{name: value})
        with self.assertRaises(exception) as caught:
            call(wrong)
        self.assertIn(f": {name} ", str(caught.exception))

    def test_each_wrong_argument_is_named(self):
        a = drop_in_arguments(2, 2, 2, 4, 8, 12, 2, torch.bfloat16)
        for call, names in ((forward, FORWARD[:-1]), (backward, [n for n in BACKWARD[:-1] if n not in UNUSED])):
            for name in names:
                x = a[name]
                doubled = torch.stack((x, x), dim=-1)[..., 0]
                self.refuse(call, a, name, None, TypeError)
                self.refuse(call, a, name, x.to(torch.float16), TypeError)
                self.refuse(call, a, name, doubled, ValueError)
                self.refuse(call, a, name, x.to("meta"), ValueError)
                if name not in ("XQ_batch", "W1_init", "W1_checkpoints"):
                    self.refuse(call, a, name, torch.cat((x, x), dim=-2), ValueError)
            self.refuse(call, a, "checkpoint_group_size", 0, ValueError)
            self.refuse(call, a, "checkpoint_group_size", 2.0, TypeError)
            self.refuse(call, a, "XQ_batch", a["XQ_batch"][0], ValueError)


class Operator(unittest.TestCase):
    def test_gradients(self):
        x = [t.requires_grad_() for t in draw(2, 2, 7, 3, 4, torch.float64)]

        def layer(*inputs):
            return ttt_tk.ttt_mlp(
                *inputs, mini_batch_size=3, checkpoint_group_size=2, ln_eps=1e-6, return_state=True
            )

        self.assertTrue(torch.autograd.gradcheck(layer, x))

    def test_operator(self):
        for dtype in (torch.float64, torch.bfloat16):
            x = draw(2, 2, 7, 3, 4, dtype)
            y = torch.ops.ttt_tk.mlp_forward(*x, 3, 2, 1e-6)
            torch.library.opcheck(torch.ops.ttt_tk.mlp_forward, (*x, 3, 2, 1e-6))
            upstream = [torch.ones_like(t) for t in (y[0],) + tuple(y[5:])]
            torch.library.opcheck(torch.ops.ttt_tk.mlp_backward, (*x[:6], *y[1:5], *upstream, 3, 2, 1e-6))
        x = [t.requires_grad_() for t in draw(2, 2, 7, 3, 4, torch.float64)]
        torch.library.opcheck(torch.ops.ttt_tk.mlp_forward, (*x, 3, 2, 1e-6))

    def test_ground_truth(self):
        """Float64 outputs and gradients that automatic differentiation of other software computed."""
        files = [f for f in sorted(glob.glob(os.path.join(os.environ["TTT_VECTORS"], "*"))) if f.endswith("tensors")]
        self.assertGreater(len(files), 5)
        seen = 0
        for path in files:
            metadata, t = read_vectors(path)
            if metadata["causal"] == "1":
                continue
            x = [t[name].requires_grad_() for name in NAMES]
            y = ttt_tk.ttt_mlp(
                *x,
                mini_batch_size=int(metadata["mini_batch_size"]),
                ln_eps=float(metadata["ln_eps"]),
                return_state=True,
            )
            state = [t.get(f"grad_L_{s}_last") for s in ("W1", "b1", "W2", "b2")]
            upstream = [t["grad_L_XQW"]] + [torch.zeros_like(o) if g is None else g for o, g in zip(y[1:], state)]
            grads = torch.autograd.grad(y, x, upstream)
            for name, value in [("XQW", y[0])] + [(f"grad_L_{n}", g) for n, g in zip(NAMES, grads)]:
                error = (torch.linalg.norm(value - t[name]) / torch.linalg.norm(t[name])).item()
                self.assertLessEqual(error, 1e-12, f"{name} of {path}")
            seen += 1
        self.assertGreaterEqual(seen, 5)

    def test_refusals(self):
        x = draw(1, 2, 8, 4, 8, torch.bfloat16)
        for i, name in enumerate(NAMES):
            strided = torch.stack((x[i],) * 2, dim=-1)[..., 0]
            for value, exception in ((x[i].to(torch.float16), TypeError), (strided, ValueError)):
                wrong = x[:i] + [value] + x[i + 1 :]
                with self.assertRaises(exception) as caught:
                    ttt_tk.ttt_mlp(*wrong)
                self.assertIn(f"ttt_mlp: {name} is", str(caught.exception))
        for key, value in (("mini_batch_size", 0), ("checkpoint_group_size", 0), ("ln_eps", -1.0)):
            with self.assertRaises(ValueError) as caught:
                ttt_tk.ttt_mlp(*x, **{key: value})
            self.assertIn(key, str(caught.exception))


class TwoLayers(torch.nn.Module):
    """What is trained here and on the device: two TTT layers, each with projections before it."""

    def __init__(self, heads=2, head_dim=16, hidden=32, mini_batch_size=8):
        super().__init__()
        self.heads, self.head_dim, self.mini_batch_size = heads, head_dim, mini_batch_size
        width = heads * head_dim
        for layer in range(2):
            self.add_module(f"qkv{layer}", torch.nn.Linear(width, 3 * width, bias=False))
            self.register_parameter(f"weight{layer}", torch.nn.Parameter(torch.ones(heads, head_dim)))
            self.register_parameter(f"bias{layer}", torch.nn.Parameter(torch.zeros(heads, head_dim)))
            state = {"W1": (head_dim, hidden), "b1": (hidden,), "W2": (hidden, head_dim), "b2": (head_dim,)}
            for name, shape in state.items():
                value = 0.1 * torch.randn(1, heads, *shape) if name[0] == "W" else torch.zeros(1, heads, *shape)
                self.register_parameter(f"{name}_{layer}", torch.nn.Parameter(value))

    def state(self, name, layer, batch):
        value = getattr(self, f"{name}_{layer}")
        return value.expand(batch, *value.shape[1:]).contiguous()

    def forward(self, x, dtype):
        for layer in range(2):
            qkv = getattr(self, f"qkv{layer}")(x).unflatten(-1, (3, self.heads, self.head_dim))
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            eta = torch.full(q.shape[:3], 0.05, dtype=dtype, device=x.device)
            tokens = [t.to(dtype).contiguous() for t in (q, k, v)]
            norm = [getattr(self, f"{name}{layer}") for name in ("weight", "bias")]
            state = [self.state(name, layer, x.shape[0]) for name in ("W1", "b1", "W2", "b2")]
            y = ttt_tk.ttt_mlp(*tokens, eta, *norm, *state, mini_batch_size=self.mini_batch_size, ln_eps=1e-6)
            x = x + y.permute(0, 2, 1, 3).flatten(2).to(x.dtype)
        return x


def train(steps, backend, device="cpu", dtype=torch.bfloat16, **sizes):
    """Losses of a training loop; backend None: eager."""
    torch.manual_seed(0)
    model = TwoLayers(**sizes).to(device)
    step = model if backend is None else torch.compile(model, backend=backend)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    tokens = 4 * model.mini_batch_size
    x, target = (torch.randn(2, tokens, model.heads * model.head_dim).to(device) for _ in range(2))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(step(x, dtype), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).double().cpu()


class Training(unittest.TestCase):
    def test_eager_and_compiled(self):
        eager = train(100, None)
        compiled = train(100, "aot_eager")
        self.assertLess(eager[-1].item(), 0.9 * eager[0].item())
        self.assertTrue(torch.equal(eager, compiled), f"{(eager - compiled).abs().max()}")


if __name__ == "__main__":
    unittest.main()
