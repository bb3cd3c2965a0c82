# SPDX-License-Identifier: MIT
"""The package on a Hopper GPU: python3 -m unittest -v test_on_device.

TTT_DUMP: a file that `ttt-verify --dump` wrote with the inputs of a case and the outputs of the same kernels, called
from C; without it that comparison is skipped.
"""
import os
import unittest

import torch
import ttt_tk
from ttt_tk import _library
from test_ttt_tk import NAMES, backward, draw, drop_in_arguments, forward, read_vectors, train

HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability() == (9, 0)
HAS_BACKWARD = HOPPER and hasattr(_library.gpu(), "ttt_gpu_mlp_backward")
LAYERS = dict(heads=4, head_dim=64, hidden=256, mini_batch_size=64)
SIZES = dict(B=2, H=3, NC=5, C=64, F=64, D=256, G=2)


def on_device(a):
    return {name: x.cuda() if isinstance(x, torch.Tensor) else x for name, x in a.items()}


def outputs(a, names):
    return [a[name].clone() for name in names]


FORWARD_OUTPUTS = ["XQW_batch"] + [f"{s}_checkpoints" for s in ("W1", "b1", "W2", "b2")]
BACKWARD_OUTPUTS = (
    "grad_L_XQ grad_L_XK grad_L_XV grad_L_last_eta grad_L_ttt_norm_weight grad_L_ttt_norm_bias "
    "grad_L_W1_init grad_L_b1_init grad_L_W2_init grad_L_b2_init"
).split()


@unittest.skipUnless(HOPPER, "no GPU of compute capability 9.0")
class OnDevice(unittest.TestCase):
    def same(self, a, b, names):
        for x, y, name in zip(a, b, names):
            self.assertTrue(torch.equal(x, y), name)
            self.assertFalse(torch.isnan(x).any().item(), name)

    def dumped(self):
        """The case of TTT_DUMP as arguments of the drop-in, and its tensors."""
        if "TTT_DUMP" not in os.environ:
            self.skipTest("TTT_DUMP is not set")
        metadata, t = read_vectors(os.environ["TTT_DUMP"])
        B, H, N, C = (int(metadata[k]) for k in ("batch", "heads", "seq_len", "mini_batch_size"))
        G = int(metadata["checkpoint_group_size"])
        a = drop_in_arguments(B, H, N // C, C, 64, 256, G, torch.bfloat16)
        for name, x in a.items():
            source = t.get(name.removesuffix("_batch")) if isinstance(x, torch.Tensor) else None
            # Results stay NaN, so that they are seen to be written.
            if source is not None and not torch.isnan(x).any():
                a[name] = source.to(x.dtype).reshape(x.shape)
        ttt_tk.ln_eps = float(metadata["ln_eps"])
        self.addCleanup(setattr, ttt_tk, "ln_eps", 1e-8)
        return on_device(a), t

    def test_forward_has_the_bits_of_the_C_call(self):
        a, t = self.dumped()
        forward(a)
        for name in FORWARD_OUTPUTS:
            x = t[name.removesuffix("_batch")].to(a[name].dtype).cuda()
            self.assertTrue(torch.equal(a[name].reshape(x.shape), x), name)

    @unittest.skipUnless(HAS_BACKWARD, "libttt_gpu.so has no backward pass")
    def test_backward_has_the_bits_of_the_C_call(self):
        a, t = self.dumped()
        forward(a)
        backward(a)
        for name in BACKWARD_OUTPUTS:
            x = t[name].to(a[name].dtype).cuda()
            mine = a[name].sum(dim=0) if "norm" in name else a[name]
            self.assertTrue(torch.equal(mine.reshape(x.shape), x), name)

    def test_streams_and_graphs(self):
        a = on_device(drop_in_arguments(dtype=torch.bfloat16, **SIZES))
        forward(a)
        expected = outputs(a, FORWARD_OUTPUTS)
        keys = a["XK_batch"].clone()
        side = torch.cuda.Stream()
        # The pass must come after the slow writes of its own stream, and before those that follow.
        a["XK_batch"].zero_()
        torch.cuda.synchronize()
        with torch.cuda.stream(side):
            torch.cuda._sleep(50_000_000)
            a["XK_batch"].copy_(keys)
            forward(a)
            a["XK_batch"].zero_()
        self.assertFalse(side.query(), "the call waited")
        side.synchronize()
        self.same(outputs(a, FORWARD_OUTPUTS), expected, FORWARD_OUTPUTS)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            forward(a)
        a["XK_batch"].copy_(keys)
        a["XQW_batch"].fill_(float("nan"))
        graph.replay()
        torch.cuda.synchronize()
        self.same(outputs(a, FORWARD_OUTPUTS), expected, FORWARD_OUTPUTS)

    def test_refusals(self):
        host = drop_in_arguments(dtype=torch.bfloat16, **SIZES)
        a = on_device(host)
        for name, value in (("W2_init", host["W2_init"]), ("XQW_batch", a["XQW_batch"].float())):
            with self.assertRaises((TypeError, ValueError)) as caught:
                forward(dict(a, **{name: value}))
            self.assertIn(f": {name} is", str(caught.exception))
        with self.assertRaises(TypeError):
            forward(on_device(drop_in_arguments(dtype=torch.float32, **SIZES)))
        with self.assertRaises(NotImplementedError):
            forward(on_device(drop_in_arguments(dtype=torch.bfloat16, **dict(SIZES, D=128))))

    def test_agrees_with_the_reference(self):
        host = drop_in_arguments(dtype=torch.bfloat16, **SIZES)
        a = on_device(host)
        forward(a)
        forward(host)
        names, passes = FORWARD_OUTPUTS, 1
        if HAS_BACKWARD:
            backward(a)
            backward(host)
            names, passes = FORWARD_OUTPUTS + BACKWARD_OUTPUTS, 2
        for name in names:
            mine, reference = a[name].double().cpu(), host[name].double()
            error = (torch.linalg.norm(mine - reference) / torch.linalg.norm(reference)).item()
            print(f"  {name}: {error:.2e} from ref-bf16", flush=True)
            self.assertLess(error, 0.2, name)
        self.assertEqual(passes, 1 + HAS_BACKWARD)

    @unittest.skipUnless(HAS_BACKWARD, "libttt_gpu.so has no backward pass")
    def test_the_operator_in_a_graph(self):
        """Both passes of ttt_mlp captured together and replayed on other values."""
        first, second = ([x.cuda() for x in draw(1, 3, 320, 64, 256, torch.bfloat16, seed)] for seed in (1, 2))
        inputs = [x.clone().requires_grad_() for x in first]

        def step():
            XQW = ttt_tk.ttt_mlp(*inputs, checkpoint_group_size=2)
            return (XQW.detach(),) + torch.autograd.grad(XQW, inputs, torch.ones_like(XQW))

        warm_up = torch.cuda.Stream()
        with torch.cuda.stream(warm_up):
            step()
        warm_up.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = step()
        for values in (second, first):
            with torch.no_grad():
                for x, value in zip(inputs, values):
                    x.copy_(value)
            graph.replay()
            replayed = [x.clone() for x in captured]
            self.same(replayed, step(), ["XQW"] + [f"grad_L_{name}" for name in NAMES])

    @unittest.skipUnless(HAS_BACKWARD, "libttt_gpu.so has no backward pass")
    def test_training(self):
        """The operator eager, again, and in compiled graphs: the same bits."""
        eager, again = (train(100, None, "cuda", **LAYERS) for _ in range(2))
        graph = train(100, "aot_eager", "cuda", **LAYERS)
        print(f"  losses {eager[0]:.6f} ... {eager[-1]:.6f}", flush=True)
        self.assertTrue(torch.equal(eager, again), "not deterministic")
        self.assertTrue(torch.equal(eager, graph), f"{(eager - graph).abs().max()}")
        self.assertLess(eager[-1].item(), 0.9 * eager[0].item())

    @unittest.skipUnless(HAS_BACKWARD, "libttt_gpu.so has no backward pass")
    def test_training_with_inductor(self):
        """Inductor fuses the projections around the operator and may round them in other places."""
        eager, compiled = (train(100, backend, "cuda", **LAYERS) for backend in (None, "inductor"))
        print(f"  losses ... {eager[-1]:.6f}, by inductor {compiled[-1]:.6f}", flush=True)
        print(f"  largest difference {(eager - compiled).abs().max():.2e}", flush=True)
        torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=0)


if __name__ == "__main__":
    unittest.main()
