"""Training data of the eye: faces, decoded views of them at many sizes, and teachers' embeddings.

A source face has three views: the linear picture of its tokens, the decoded picture, and the
decoded picture after synthesis with the network from which training starts. The last view matters
most, because there a teacher can differ from that network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's usual name
from torch import Tensor

from stc.codec.torch.canvas import to_rgb
from stc.codec.torch.decoder import Decoder
from stc.codec.torch.tokenizer import LevelTokenizer
from stc.lab.eye.network import EyeNetwork
from stc.recognition.base import CROP, Faces

VIEWS = 4  # the source, its linear picture, its decoded picture, and the one after synthesis
ROUNDS = 3  # of synthesis
STEP = 0.3  # of a round, in components
MIN_TOKENS = 28
MEANS = (103.939, 116.779, 123.68)  # that faceres subtracts from blue, green and red


@dataclass(frozen=True)
class Views:
    """Source faces and their views, with the teachers' embeddings."""

    faces: Faces  # [N, VIEWS, 128, 128, 3]
    first: npt.NDArray[np.float32]  # [N, VIEWS, 512] of fr_feature, unit vectors
    second: npt.NDArray[np.float32]  # [N, VIEWS, 1024] of faceres, not normalised

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        np.savez(path, faces=self.faces, first=self.first, second=self.second)

    @classmethod
    def load(cls, path: Path) -> Views:
        """Read a file of `save`."""
        with np.load(path) as stored:
            return cls(stored["faces"], stored["first"], stored["second"])


class FaceRes:
    """The second teacher, a network of another architecture, in an ONNX file."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def embed(self, faces: Faces) -> npt.NDArray[np.float32]:
        """Embeddings [N, 1024], not normalised, of canvases uint8 [N, 128, 128, 3]."""
        found = []
        for face in faces:
            rgb = torch.from_numpy(face[CROP, CROP].copy()).permute(2, 0, 1)[None].float()
            bgr = F.interpolate(rgb, size=224, mode="bilinear", align_corners=False).flip(1)
            x = (bgr - torch.tensor(MEANS)[:, None, None]).numpy()
            found.append(self._session.run(None, {self._input: x})[0])
        return np.concatenate(found)


def draw(
    tokenizer: LevelTokenizer, decoder: Decoder, network: EyeNetwork, faces: Faces, seed: int
) -> Faces:
    """Source faces uint8 [B, 128, 128, 3] and their views, [B, VIEWS, 128, 128, 3].

    Each face has a random number of tokens, at least MIN_TOKENS, log-uniformly distributed.
    """
    rgb = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    generator = torch.Generator().manual_seed(seed)
    room = np.log(tokenizer.tokens / MIN_TOKENS)
    counts = (MIN_TOKENS * torch.exp(torch.rand(len(rgb), generator=generator) * room)).long()
    with torch.no_grad():
        components = tokenizer.analyse(rgb)
        groups, indices = tokenizer.encode(components)
        indices = tokenizer.refine(components, groups, indices, counts)
        own = network(rgb * 2 - 1)
        planes = tokenizer.planes(tokenizer.dequantize(indices, groups, counts))
        linear = to_rgb(planes)
        drawn = decoder(planes, counts / tokenizer.tokens)
        aim, moved = components, drawn
    for _ in range(ROUNDS):
        found = tokenizer.dequantize(indices, groups, counts).detach().requires_grad_()
        picture = to_rgb(tokenizer.planes(found))
        picture = picture + (moved - picture).detach()
        cosine = (network(picture * 2 - 1) * own).sum()
        (slope,) = torch.autograd.grad(-cosine, found)
        with torch.no_grad():
            aim = aim - STEP * F.normalize(slope) - 0.05 * (aim - components)
            indices = tokenizer.refine(aim, groups, indices, counts, rounds=1)
            planes = tokenizer.planes(tokenizer.dequantize(indices, groups, counts))
            moved = decoder(planes, counts / tokenizer.tokens)
    return _pixels(torch.stack([rgb, linear, drawn, moved], 1))


def _pixels(rgb: Tensor) -> Faces:
    pixels = (rgb.clamp(0, 1) * 255).round().byte()
    return np.asarray(pixels.permute(0, 1, 3, 4, 2).contiguous().numpy())
