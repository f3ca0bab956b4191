"""diffusers' unconditional U-Net: known names, refused settings, and numbers from a reference of
its own, written straight from a state dict."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gdp_desktop.diffusion.diffusers_unet import (
    UNDERSTOOD,
    DiffusersConfig,
    DiffusersUNet,
    UnknownSetting,
    with_present_names,
)

# As ddpm-cifar10-32 and ddpm-celebahq-256 describe themselves.
CIFAR = {
    "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": None,
    "block_out_channels": [128, 256, 256, 256], "center_input_sample": False,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1, "in_channels": 3,
    "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-06, "norm_num_groups": 32,
    "out_channels": 3, "sample_size": 32, "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
CELEBA = CIFAR | {
    "block_out_channels": [128, 128, 256, 256, 512, 512],
    "down_block_types": ["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4, "sample_size": 256,
}
TINY = CIFAR | {
    "block_out_channels": [16, 32, 32], "norm_num_groups": 4, "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
# All that can differ and still be read, the other way round.
OTHER = TINY | {
    "attention_head_dim": 8, "flip_sin_to_cos": True, "freq_shift": 0, "downsample_padding": 1,
    "norm_eps": 1e-3, "layers_per_block": 2, "out_channels": 6, "act_fn": "swish",
    "down_block_types": ["AttnDownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
}


def random_network(fields: dict[str, object], seed: int = 0) -> DiffusersUNet:
    torch.manual_seed(seed)
    network = DiffusersUNet(DiffusersConfig.from_json(fields)).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if "norm" in name:
            parameter += 0.2 * torch.randn_like(parameter)
    return network


def with_old_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    return {
        next((name.replace(f".{new}.", f".{was}.") for new, was in old.items()
              if f".{new}." in name), name): tensor
        for name, tensor in state.items()
    }


@pytest.mark.parametrize("fields, million", [(CIFAR, 35.7), (CELEBA, 113.7)], ids=["32", "256"])
def test_the_published_models(fields: dict[str, object], million: float) -> None:
    with torch.device("meta"):
        network = DiffusersUNet(DiffusersConfig.from_json(fields))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == million


def test_known_names() -> None:
    with torch.device("meta"):
        names = DiffusersUNet(DiffusersConfig.from_json(CIFAR)).state_dict().keys()
    assert {
        "conv_in.weight", "time_embedding.linear_1.weight", "time_embedding.linear_2.bias",
        "down_blocks.0.resnets.1.norm1.weight", "down_blocks.0.downsamplers.0.conv.weight",
        "down_blocks.1.resnets.0.conv_shortcut.weight", "down_blocks.1.attentions.1.to_q.weight",
        "down_blocks.1.attentions.0.group_norm.bias", "down_blocks.3.resnets.0.time_emb_proj.bias",
        "mid_block.attentions.0.to_out.0.weight", "mid_block.resnets.1.conv2.weight",
        "up_blocks.2.attentions.2.to_v.bias", "up_blocks.0.upsamplers.0.conv.bias",
        "up_blocks.3.resnets.2.norm2.weight", "conv_norm_out.weight", "conv_out.bias",
    } <= names
    for absent in ("down_blocks.3.downsamplers", "up_blocks.3.upsamplers",
                   "down_blocks.0.attentions", "up_blocks.1.attentions"):
        assert not any(name.startswith(absent) for name in names)


def test_old_names_of_attention_lead_to_present_ones() -> None:
    state = random_network(TINY).state_dict()
    old = with_old_names(state)
    assert "mid_block.attentions.0.query.weight" in old and old.keys() != state.keys()
    assert {with_present_names(name) for name in old} == state.keys()


@pytest.mark.parametrize("fields", [TINY, OTHER], ids=["tiny", "other"])
def test_the_same_numbers_as_the_reference(fields: dict[str, object]) -> None:
    network = random_network(fields)
    x_t, timesteps = torch.randn(2, 3, 16, 24), torch.tensor([3, 871])
    assert torch.allclose(
        network(x_t, timesteps), reference(fields, network.state_dict(), x_t, timesteps),
        atol=2e-5,
    )


def test_half_precision_is_close_and_comes_back_in_float32() -> None:
    network, x_t, timesteps = random_network(OTHER), torch.randn(1, 3, 16, 16), torch.tensor([40])
    exact = network(x_t, timesteps)
    network.halve(torch.bfloat16)
    rough = network(x_t, timesteps)
    assert rough.dtype == torch.float32 and network.dtype == torch.bfloat16
    assert network.conv_out.weight.dtype == network.time_embedding.linear_1.weight.dtype \
        == torch.float32
    assert 0 < float((rough - exact).abs().max()) < 0.1 * float(exact.abs().max())


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_other_settings_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownSetting, match=name):
        DiffusersConfig.from_json(CIFAR | {name: "something else"})


@pytest.mark.parametrize("change", [
    {"num_class_embeds": 1000}, {"in_channels": 4}, {"_class_name": "UNet2DConditionModel"},
    {"down_block_types": ["CrossAttnDownBlock2D"] * 4}, {"up_block_types": ["ResnetUpsample"] * 4},
    {"resnet_time_scale_shift": "scale_shift"}, {"time_embedding_type": "fourier"},
], ids=str)
def test_other_kinds_of_model_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UnknownSetting):
        DiffusersConfig.from_json(CIFAR | change)


@pytest.mark.parametrize("change", [
    {"block_out_channels": [128]}, {"block_out_channels": []}, {"block_out_channels": None},
    {"block_out_channels": [0, 1, 2, 3]}, {"layers_per_block": "many"}, {"norm_num_groups": None},
    {"attention_head_dim": -8}, {"downsample_padding": 7}, {"down_block_types": []},
], ids=str)
def test_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        DiffusersConfig.from_json(CIFAR | change)


def reference(
    fields: dict[str, object], state: dict[str, Tensor], x: Tensor, timesteps: Tensor
) -> Tensor:
    eps, groups = float(fields["norm_eps"]), int(fields["norm_num_groups"])

    def linear(name: str, h: Tensor) -> Tensor:
        return h @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def conv(name: str, h: Tensor, padding: int = 1, stride: int = 1) -> Tensor:
        return F.conv2d(h, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding)

    def norm(name: str, h: Tensor) -> Tensor:
        parts = h.reshape(len(h), groups, -1).double()
        mean = parts.mean(-1, keepdim=True)
        variance = ((parts - mean) ** 2).mean(-1, keepdim=True)
        normal = ((parts - mean) / (variance + eps).sqrt()).float().reshape(h.shape)
        return normal * state[f"{name}.weight"].view(1, -1, 1, 1) \
            + state[f"{name}.bias"].view(1, -1, 1, 1)

    def silu(h: Tensor) -> Tensor:
        return h / (1 + torch.exp(-h))

    def resnet(name: str, x: Tensor) -> Tensor:
        h = conv(f"{name}.conv1", silu(norm(f"{name}.norm1", x)))
        h = h + linear(f"{name}.time_emb_proj", silu(emb))[:, :, None, None]
        h = conv(f"{name}.conv2", silu(norm(f"{name}.norm2", h)))
        shortcut = f"{name}.conv_shortcut"
        return (conv(shortcut, x, padding=0) if f"{shortcut}.weight" in state else x) + h

    def attention(name: str, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        flat = norm(f"{name}.group_norm", x).reshape(batch, channels, -1).transpose(1, 2)
        q, k, v = (linear(f"{name}.to_{letter}", flat) for letter in "qkv")
        size = fields["attention_head_dim"] or channels
        heads = [
            ((q[..., s] @ k[..., s].transpose(1, 2)) / math.sqrt(size)).softmax(-1) @ v[..., s]
            for s in (slice(a, a + size) for a in range(0, channels, size))
        ]
        h = linear(f"{name}.to_out.0", torch.cat(heads, dim=-1))
        return x + h.transpose(1, 2).reshape(x.shape)

    def layer(block: str, k: int, h: Tensor) -> Tensor:
        h = resnet(f"{block}.resnets.{k}", h)
        name = f"{block}.attentions.{k}"
        return attention(name, h) if f"{name}.to_q.weight" in state else h

    half = int(fields["block_out_channels"][0]) // 2
    waves = [
        [t * math.exp(-math.log(10000) * k / (half - int(fields["freq_shift"])))
         for k in range(half)] for t in timesteps.tolist()
    ]
    sines, cosines = torch.tensor(waves).sin(), torch.tensor(waves).cos()
    features = [cosines, sines] if fields["flip_sin_to_cos"] else [sines, cosines]
    emb = linear("time_embedding.linear_2",
                 silu(linear("time_embedding.linear_1", torch.cat(features, dim=1))))

    depth, layers = len(fields["block_out_channels"]), int(fields["layers_per_block"])
    h = conv("conv_in", x)
    skips = [h]
    for level in range(depth):
        for k in range(layers):
            h = layer(f"down_blocks.{level}", k, h)
            skips.append(h)
        if level < depth - 1:
            name = f"down_blocks.{level}.downsamplers.0.conv"
            if fields["downsample_padding"]:
                h = conv(name, h, padding=1, stride=2)
            else:
                wider = torch.zeros(*h.shape[:2], h.shape[2] + 1, h.shape[3] + 1)
                wider[..., :-1, :-1] = h
                h = conv(name, wider, padding=0, stride=2)
            skips.append(h)
    h = resnet("mid_block.resnets.0", h)
    h = resnet("mid_block.resnets.1", attention("mid_block.attentions.0", h))
    for level in range(depth):
        for k in range(layers + 1):
            h = layer(f"up_blocks.{level}", k, torch.cat([h, skips.pop()], dim=1))
        if level < depth - 1:
            h = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            h = conv(f"up_blocks.{level}.upsamplers.0.conv", h)
    return conv("conv_out", silu(norm("conv_norm_out", h)))
