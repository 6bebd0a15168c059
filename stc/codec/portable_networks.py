"""The decoder network and the upscaler in numpy.

The same as stc.codec.torch.decoder and stc.codec.torch.upscaler, which describe the networks.
"""

from __future__ import annotations

import numpy as np

from stc.canvas import CANVAS
from stc.codec.layers import decoder_names, decoder_widths, upscaler_names, upscaler_widths
from stc.codec.matrix import Floats
from stc.codec.model_file import ModelFile
from stc.codec.planes import LARGE
from stc.codec.portable_layers import Network, join, shuffle, silu, unshuffle
from stc.codec.upsampling import bicubic


class Decoder(Network):
    """The convolutional decoder, which adds detail typical of faces to a smooth reconstruction.

    Raises WrongModelError as `Network` does.
    """

    def __init__(self, model: ModelFile) -> None:
        super().__init__(model, decoder_names(decoder_widths(model)))

    def __call__(self, luma: Floats, chroma: Floats, spent: np.float32) -> Floats:
        """Return the detail [128, 128, 3], RGB, that is added to the linear reconstruction.

        luma: [64, 64]. chroma: [2, 32, 32]. spent: share of the model's tokens in use, 0 to 1.
        """
        return self.draw(luma, chroma, spent)[0]

    def draw(
        self, luma: Floats, chroma: Floats, spent: np.float32
    ) -> tuple[Floats, Floats, Floats]:
        """Return the detail as `__call__` does, and two more inputs of the upscaler.

        These are the features [64, 64, W] from which the detail is computed, and the embedding [C]
        of the spent share.
        """
        luma = 2 * luma[..., None] - 1  # to about [-1, 1]
        chroma = 4 * np.moveaxis(chroma, 0, 2)
        share = np.array([spent, np.sqrt(spent), 1], np.float32)
        condition = silu(self.linear("embed.0", share))
        x16 = self.conv("enter16", join(unshuffle(luma, 4), unshuffle(chroma, 2)))
        x8 = self.conv("down8", silu(x16), stride=2)
        for number in range(2):
            x8 = self._mix(f"mix8.{number}", x8)
        x16 += shuffle(self.linear("up16", x8))
        for number in range(2):
            x16 = self.modulated(f"blocks16.{number}", x16, condition)
        x32 = self.conv("enter32", join(unshuffle(luma, 2), chroma))
        x32 += shuffle(self.linear("up32", x16))
        x32 = self.modulated("blocks32.0", x32, condition)
        x64 = self.conv("enter64", luma)
        x64 += shuffle(self.linear("up64", x32))
        x64 = self.modulated("blocks64.0", x64, condition)
        features = silu(x64)
        return shuffle(self.conv("leave", features)), features, condition

    def _mix(self, name: str, x: Floats) -> Floats:
        """An MLP-Mixer block: mix the pixels of each channel, then the channels of each pixel."""
        places = x.reshape(-1, x.shape[-1])
        talk = self.normalised(f"{name}.norm_places", places).T
        talk = self.linear(f"{name}.places.2", silu(self.linear(f"{name}.places.0", talk)))
        places = places + talk.T
        talk = self.normalised(f"{name}.norm_channels", places)
        talk = self.linear(f"{name}.channels.2", silu(self.linear(f"{name}.channels.0", talk)))
        mixed: Floats = places + talk
        return mixed.reshape(x.shape)


class Upscaler(Network):
    """The upscaler, which doubles the size of the decoder's picture and adds detail.

    Raises WrongModelError as `Network` does, and for a model without an upscaler.
    """

    def __init__(self, model: ModelFile) -> None:
        widths, (*_, features, condition) = upscaler_widths(model), decoder_widths(model)
        super().__init__(model, upscaler_names(widths, features, condition))

    def __call__(self, picture: Floats, features: Floats, condition: Floats) -> Floats:
        """Return RGB [256, 256, 3], not clipped.

        picture: RGB [128, 128, 3] in [0, 1]. features, condition: from `Decoder.draw`.
        """
        seen = 2 * picture - 1
        x64 = self.conv("enter64", unshuffle(seen, 2)) + self.linear("join64", features)
        for number in range(3):
            x64 = self.modulated(f"blocks64.{number}", x64, condition)
        x128 = self.conv("enter128", seen) + shuffle(self.linear("up128", x64))
        x128 = self.modulated("blocks128.0", x128, condition)
        detail = shuffle(self.conv("leave", silu(x128)))
        up = bicubic(CANVAS, LARGE)
        smooth: Floats = np.stack([up @ picture[..., c] @ up.T for c in range(3)], -1)
        return smooth + detail
