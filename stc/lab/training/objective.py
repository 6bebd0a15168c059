"""The loss of the stages that train networks against pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from stc.canvas import CANVAS
from stc.errors import StcError
from stc.lab.training.config import NetworkStage
from stc.lab.training.losses import face_weight, jitter, masked_error, shift
from stc.lab.training.networks import Lpips
from stc.lab.training.system import resize

if TYPE_CHECKING:
    from accelerate import Accelerator


class Objective:
    """Weighted squared error + LPIPS + (1 - cosine of embeddings), without filled pixels.

    Raises StcError if the network of a term whose weight is not 0 is missing.
    """

    def __init__(
        self,
        plan: NetworkStage,
        recogniser: nn.Module | None,
        lpips: Lpips | None,
        accelerator: Accelerator,
    ) -> None:
        if plan.identity and recogniser is None:
            raise StcError("the identity loss needs --recogniser FILE, or --set STAGE.identity=0")
        if plan.perception and lpips is None:
            raise StcError("the LPIPS loss needs --lpips FILE, or --set STAGE.perception=0")
        self.plan, self.accelerator = plan, accelerator
        device = accelerator.device
        self.recogniser = None if recogniser is None else recogniser.to(device)
        self.lpips = None if lpips is None else lpips.to(device)
        self.weight = face_weight().to(device)

    def __call__(
        self, output: Tensor, rgb: Tensor, mask: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its parts for the log.

        output: [B, 3, s, s], rgb: the original [B, 3, 128, 128], both in [0, 1]; mask: 1 for pixels
        of the photograph, [B, 1, 128, 128].
        """
        plan = self.plan
        drawn, target = resize(output, CANVAS) * 2 - 1, rgb * 2 - 1
        error = masked_error(drawn, target, self.weight * mask).mean()
        loss, parts = plan.pixels * error, {"mse": error.detach()}
        seen = torch.where(mask > 0.5, drawn.clamp(-1.2, 1.2), target)
        with self.accelerator.autocast():
            if plan.perception and self.lpips is not None:
                perceived = self.lpips(*shift(seen, target)).mean()
                loss = loss + plan.perception * perceived
                parts["lpips"] = perceived.detach()
            if plan.identity and self.recogniser is not None:
                # Half of the batch, as the recognition model takes as much time as the decoder.
                half = slice(0, -(-len(rgb) // 2))
                with torch.no_grad():
                    wanted = self.recogniser(target[half])
                cosine = (self.recogniser(jitter(seen[half])) * wanted).sum(1).mean()
                loss = loss + plan.identity * (1 - cosine)
                parts["cosine"] = cosine.detach()
        return loss, {"loss": loss.detach(), **parts}
