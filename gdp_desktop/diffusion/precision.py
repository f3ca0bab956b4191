"""Which number format a device is fast in."""

from __future__ import annotations

import torch


def bfloat16_pays(device: str) -> bool:
    """Where bfloat16 is emulated it is many times slower than float32."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
