"""Latents of all faces, computed once, since the encoder is frozen while codebooks are trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from stc.errors import StcError
from stc.gallery.progress import hidden
from stc.lab.training.data import to_tensors
from stc.lab.training.system import System, resize

if TYPE_CHECKING:
    from accelerate import Accelerator

Latents = npt.NDArray[np.float16]  # [2, N, T, D]: of the faces and of their mirror images

BATCH = 64


@torch.inference_mode()
def latents_of(
    system: System, faces: npt.NDArray[np.uint8], path: Path, accelerator: Accelerator
) -> Latents:
    """Latents [2, N, T, D] of faces [N, 128, 128, 4] and their mirror images, memory-mapped.

    path: the .npy file of the latents, which is written if it is missing. Raises StcError if its
    shape belongs to other faces or another tokenizer.
    """
    tokenizer = system.tokenizer
    shape = (2, len(faces), tokenizer.tokens, tokenizer.dimensions)
    if not path.exists() and accelerator.is_main_process:
        partial = path.with_suffix(".partial.npy")
        kept = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
        for start in tqdm(range(0, len(faces), BATCH), desc="latents", disable=hidden()):
            rgb, _ = to_tensors(np.array(faces[start : start + BATCH]))
            rgb = resize(rgb, tokenizer.size).to(accelerator.device)
            for mirrored, view in enumerate((rgb, rgb.flip(3))):
                with accelerator.autocast():
                    found = tokenizer.analyse(view)
                kept[mirrored, start : start + len(rgb)] = found.half().cpu().numpy()
        kept.flush()
        partial.replace(path)
    accelerator.wait_for_everyone()
    latents: Latents = np.load(path, mmap_mode="r")
    if latents.shape != shape:
        raise StcError(
            f"{path}: latents {latents.shape} do not belong to {len(faces)} faces of "
            f"{tokenizer.tokens} tokens: use the data that the run began with, or a new --run"
        )
    return latents
