"""The ADM network: the published files' tables, and numbers from a reference of its own.

The reference below is written from the description of the blocks, works straight on a state dict
and shares nothing with the module.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gdp_desktop.diffusion.adm import ADM, ADMConfig

IMAGENET = ADMConfig(256, (256, 256, 512, 512, 1024, 1024), (False,) * 3 + (True,) * 3, 2)
FACES = ADMConfig(128, (128, 128, 256, 256, 512, 512), (False,) * 4 + (True, False), 1)
TINY = ADMConfig(32, (32, 64, 64), (False, False, True), 1)
TWO_HEADS = replace(TINY, channels=(32, 64, 128))
CONVOLUTIONAL = replace(TINY, residual_resampling=False, scale_shift=False, out_channels=3)
CONFIGS = {
    "imagenet": IMAGENET, "faces": FACES, "tiny": TINY, "two-heads": TWO_HEADS,
    "convolutional": CONVOLUTIONAL, "three-blocks": replace(CONVOLUTIONAL, blocks=3),
    "one-size": ADMConfig(32, (32,), (True,), 2),
    "mixed": replace(TINY, scale_shift=False, out_channels=3),
}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def on_meta(config: ADMConfig) -> ADM:
    with torch.device("meta"):
        return ADM(config)


def shapes_of(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def random_adm(config: ADMConfig = TINY, seed: int = 0) -> ADM:
    torch.manual_seed(seed)
    return ADM(config).eval().requires_grad_(False)


@pytest.mark.parametrize("config, tensors, parameters", [
    (IMAGENET, 566, 552_814_086), (FACES, 362, 93_563_910), (TINY, 198, 1_371_974),
], ids=["imagenet", "faces", "tiny"])
def test_as_many_tensors_and_parameters_as_published(
    config: ADMConfig, tensors: int, parameters: int
) -> None:
    shapes = shapes_of(on_meta(config))
    assert len(shapes) == tensors
    assert sum(math.prod(shape) for shape in shapes.values()) == parameters


def test_the_imagenet_table() -> None:
    shapes = shapes_of(on_meta(IMAGENET))
    assert Counter(name.split(".")[0] for name in shapes) == {
        "output_blocks": 320, "input_blocks": 212, "middle_block": 26, "time_embed": 4, "out": 4,
    }
    assert shapes == imagenet_table()


def imagenet_table() -> dict[str, tuple[int, ...]]:
    """Names and shapes of 256x256_diffusion_uncond.pt, from the table of its blocks."""
    table: dict[str, tuple[int, ...]] = {}

    def put(name: str, *weight: int) -> None:
        table[f"{name}.weight"], table[f"{name}.bias"] = weight, weight[:1]

    def res(name: str, entering: int, leaving: int) -> None:
        put(f"{name}.in_layers.0", entering)
        put(f"{name}.in_layers.2", leaving, entering, 3, 3)
        put(f"{name}.emb_layers.1", 2 * leaving, 1024)
        put(f"{name}.out_layers.0", leaving)
        put(f"{name}.out_layers.3", leaving, leaving, 3, 3)
        if entering != leaving:
            put(f"{name}.skip_connection", leaving, entering, 1, 1)

    def attention(name: str, channels: int) -> None:
        put(f"{name}.norm", channels)
        put(f"{name}.qkv", 3 * channels, channels, 1)
        put(f"{name}.proj_out", channels, channels, 1)

    put("time_embed.0", 1024, 256)
    put("time_embed.2", 1024, 1024)
    put("input_blocks.0.0", 256, 3, 3, 3)
    widths = [256] * 6 + [256] + [512] * 5 + [512] + [1024] * 5
    for block, (entering, leaving) in enumerate(zip(widths, widths[1:], strict=False), start=1):
        res(f"input_blocks.{block}.0", entering, leaving)
        if block in (10, 11, 13, 14, 16, 17):
            attention(f"input_blocks.{block}.1", leaving)
    res("middle_block.0", 1024, 1024)
    attention("middle_block.1", 1024)
    res("middle_block.2", 1024, 1024)
    for block, (entering, leaving) in enumerate([
        *[(2048, 1024)] * 5, (1536, 1024), (1536, 512), *[(1024, 512)] * 4, (768, 512),
        (768, 256), *[(512, 256)] * 5,
    ]):
        res(f"output_blocks.{block}.0", entering, leaving)
        if block <= 8:
            attention(f"output_blocks.{block}.1", leaving)
        if block in (2, 5, 8, 11, 14):
            res(f"output_blocks.{block}.{2 if block <= 8 else 1}", leaving, leaving)
    put("out.0", 256)
    put("out.2", 6, 256, 3, 3)
    return table


@every_config
def test_the_configuration_is_in_the_names_and_shapes(config: ADMConfig) -> None:
    assert ADMConfig.from_shapes(shapes_of(on_meta(config))) == config


def test_half_precision_is_for_the_convolutions_inside_the_blocks() -> None:
    network = on_meta(IMAGENET)
    network.halve(torch.float16)
    half = {name for name, p in network.named_parameters() if p.dtype == torch.float16}
    assert sum(p.numel() for p in network.parameters() if p.dtype == torch.float16) == 498_331_136
    assert all(name.startswith(("input_blocks.", "middle_block.", "output_blocks."))
               for name in half)
    kept = {name for name, _ in network.named_parameters()} - half
    assert all("emb_layers" in name or "norm" in name or "_layers.0." in name
               for name in kept if not name.startswith(("time_embed.", "out.")))


@pytest.mark.parametrize("config", [TINY, TWO_HEADS, CONVOLUTIONAL], ids=str)
def test_the_same_numbers_as_the_reference(config: ADMConfig) -> None:
    network = random_adm(config)
    x_t, timesteps = torch.randn(2, 3, 16, 24), torch.tensor([3, 871])
    assert torch.allclose(
        network(x_t, timesteps), reference(network.state_dict(), x_t, timesteps), atol=2e-5
    )


def test_the_reference_is_not_indifferent() -> None:
    """Every tensor of the network counts, so agreement says something about each."""
    state = random_adm(TWO_HEADS).state_dict()
    x_t, timesteps = torch.randn(1, 3, 8, 8), torch.tensor([500])
    before = reference(state, x_t, timesteps)
    for name, tensor in state.items():
        changed = state | {name: tensor + 0.1 * torch.randn_like(tensor)}
        assert not torch.equal(reference(changed, x_t, timesteps), before), name


def test_half_precision_is_close_and_comes_back_in_float32() -> None:
    network, x_t, timesteps = random_adm(), torch.randn(1, 3, 16, 16), torch.tensor([40])
    exact = network(x_t, timesteps)
    network.halve(torch.bfloat16)
    assert network.dtype == torch.bfloat16
    rough = network(x_t, timesteps)
    assert rough.dtype == torch.float32
    assert 0 < float((rough - exact).abs().max()) < 0.1 * float(exact.abs().max())


def reference(state: dict[str, Tensor], x: Tensor, timesteps: Tensor) -> Tensor:
    def linear(name: str, h: Tensor) -> Tensor:
        return h @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def conv(name: str, h: Tensor, **options) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(h, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2, **options)

    def group_norm(name: str, h: Tensor) -> Tensor:
        groups = h.reshape(len(h), 32, -1).double()
        mean = groups.mean(-1, keepdim=True)
        variance = ((groups - mean) ** 2).mean(-1, keepdim=True)
        normal = ((groups - mean) / (variance + 1e-5).sqrt()).float().reshape(h.shape)
        shape = (1, -1, *[1] * (h.ndim - 2))
        return normal * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)

    def silu(h: Tensor) -> Tensor:
        return h * torch.sigmoid(h)

    def larger(h: Tensor) -> Tensor:
        return h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    def smaller(h: Tensor) -> Tensor:
        return (h[:, :, ::2, ::2] + h[:, :, 1::2, ::2] + h[:, :, ::2, 1::2]
                + h[:, :, 1::2, 1::2]) / 4

    def res(name: str, x: Tensor, resample=lambda h: h) -> Tensor:
        h = conv(f"{name}.in_layers.2", resample(silu(group_norm(f"{name}.in_layers.0", x))))
        told = linear(f"{name}.emb_layers.1", silu(emb))[:, :, None, None]
        channels = h.shape[1]
        if told.shape[1] == 2 * channels:
            scale, shift = told[:, :channels], told[:, channels:]
            h = group_norm(f"{name}.out_layers.0", h) * (1 + scale) + shift
        else:
            h = group_norm(f"{name}.out_layers.0", h + told)
        h = conv(f"{name}.out_layers.3", silu(h))
        skip = resample(x)
        if f"{name}.skip_connection.weight" in state:
            skip = conv(f"{name}.skip_connection", skip)
        return skip + h

    def attention(name: str, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        flat = group_norm(f"{name}.norm", x.reshape(batch, channels, -1))
        qkv = torch.einsum("oc,ncl->nol", state[f"{name}.qkv.weight"][:, :, 0], flat)
        qkv = qkv + state[f"{name}.qkv.bias"][None, :, None]
        answers = []
        for head in range(channels // 64):
            q, k, v = qkv[:, 192 * head : 192 * (head + 1)].split(64, dim=1)
            scores = torch.einsum("ncq,nck->nqk", q * 64**-0.25, k * 64**-0.25)
            answers.append(torch.einsum("nqk,nck->ncq", scores.softmax(-1), v))
        h = torch.einsum("oc,ncl->nol", state[f"{name}.proj_out.weight"][:, :, 0],
                         torch.cat(answers, dim=1))
        h = h + state[f"{name}.proj_out.bias"][None, :, None]
        return x + h.reshape(x.shape)

    def block(name: str, h: Tensor) -> Tensor:
        h = res(f"{name}.0", h)
        return attention(f"{name}.1", h) if f"{name}.1.qkv.weight" in state else h

    def down(name: str, h: Tensor) -> Tensor:
        if f"{name}.0.op.weight" in state:
            return conv(f"{name}.0.op", h, stride=2)
        return res(f"{name}.0", h, smaller)

    def up(name: str, h: Tensor) -> Tensor:
        if f"{name}.conv.weight" in state:
            return conv(f"{name}.conv", larger(h))
        return res(name, h, larger)

    width = state["time_embed.0.weight"].shape[1]
    emb = torch.tensor([
        [wave(t * math.exp(-math.log(10000) * k / (width // 2)))
         for wave in (math.cos, math.sin) for k in range(width // 2)]
        for t in timesteps.tolist()
    ])
    emb = linear("time_embed.2", silu(linear("time_embed.0", emb)))

    # Three sizes with one block each, as TINY has them.
    skips = [conv("input_blocks.0.0", x)]
    for number, layer in enumerate((block, down, block, down, block), start=1):
        skips.append(layer(f"input_blocks.{number}", skips[-1]))
    h = res("middle_block.0", skips[-1])
    h = res("middle_block.2", attention("middle_block.1", h))
    for number, enlarging in enumerate((None, 2, None, 1, None, None)):
        h = block(f"output_blocks.{number}", torch.cat([h, skips.pop()], dim=1))
        if enlarging:
            h = up(f"output_blocks.{number}.{enlarging}", h)
    return conv("out.2", silu(group_norm("out.0", h)))
