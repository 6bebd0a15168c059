"""Small networks in place of large ones: whether the code around them works is what is tested."""

import numpy as np
from torch import nn


class FlatRecogniser(nn.Module):
    """Stands in for a recogniser: the face at 4x4 pixels."""

    def forward(self, canvas):
        return nn.functional.normalize(nn.functional.avg_pool2d(canvas, 32).flatten(1).float())


class FlatLpips(nn.Module):
    """Stands in for LPIPS: squared error at 16x16 pixels."""

    def forward(self, a, b):
        return nn.functional.avg_pool2d(a - b, 8).square().mean((1, 2, 3)).float()


class Colours:
    """Stands in for a judge: embeds a face as its 4x4 thumbnail."""

    name = key = "colours"
    note = "looks at colours alone"

    def embed(self, faces):
        assert faces.flags.c_contiguous  # dlib takes no others
        small = faces.reshape(len(faces), 4, 32, 4, 32, 3).mean((2, 4))
        return small.reshape(len(faces), -1).astype(np.float32)


class Thumbnails:
    """Stands in for a recogniser with a map: the thumbnail's cells, and the thumbnail itself."""

    name = key = "thumbnails"
    note = "looks at thumbnails"

    def embed(self, faces):
        return self.look(faces)[0]

    def look(self, faces):
        small = faces.reshape(len(faces), 4, 32, 4, 8, 4, 3).mean((2, 4)) / 64 - 2
        maps = small.transpose(0, 3, 4, 1, 2).reshape(len(faces), 12, 4, 4).astype(np.float32)
        return maps.reshape(len(faces), -1), maps
