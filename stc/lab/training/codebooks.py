"""The stages that train codebooks on frozen latents: `shared` and `specific`.

Online k-means: every codeword is the quotient of two moving averages, the sum and the number of the
latents that chose it (van den Oord et al. 2017, arXiv 1711.00937, appendix A.1). A group is a
cluster of images. The group of an image has the least error over all tokens, or is predicted by a
router.

Differences to STSCQ (arXiv 2510.22943):
* rate-distortion choice: a codeword costs squared error + price * bits; bits come from the counts;
* codewords and groups that are rarely chosen are re-seeded from the data;
* shrinkage towards a codebook common to all groups, shifted by each group's offset. With few images
  for each codeword, a group's own mean is noisy: c = (sum + pull * (shape + offset)) /
  (count + pull) is the posterior mean under a Gaussian prior of the weight of `pull` images.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from stc.kernels.torch import search
from stc.lab.tokenizers.quantizer import SwitchableQuantizer, codebook_use, group_use
from stc.lab.training.clustering import kmeans, nearest
from stc.lab.training.config import CodebookStage
from stc.lab.training.latents import Latents
from stc.lab.training.pictures import Pictures, measure
from stc.lab.training.routing import routing_loss
from stc.lab.training.system import System

if TYPE_CHECKING:
    from accelerate import Accelerator

FIRST = 4096  # images whose k-means clusters initialise the groups


class CodebookTraining:
    """Training of codebooks [G, T', K, D] and the router; T' = 1 (`shared`) or T (`specific`).

    It is a `loop.Stage`. latents: [2, N, T, D] of all faces and their mirror images.
    """

    def __init__(
        self,
        name: str,
        system: System,
        pictures: Pictures,
        latents: Latents,
        plan: CodebookStage,
        accelerator: Accelerator,
    ) -> None:
        self.name, self.system, self.pictures = name, system, pictures
        self.latents, self.plan, self.accelerator = latents, plan, accelerator
        system.advance(name)
        system.requires_grad_(False)
        system.to(accelerator.device)
        self.quantizer: SwitchableQuantizer = system.quantizer
        books = self.quantizer.codebooks
        # Initial averages: every codeword was chosen equally often, by latents equal to it.
        own = accelerator.num_processes
        batch = min(plan.batch, len(pictures.training)) / own
        even = batch * latents.shape[2] / books.shape[:3].numel()
        self.counts = torch.full(books.shape[:3], even, device=books.device)
        self.sums = books.detach() * even
        self.error = torch.zeros((), device=books.device)  # moving mean squared error of a token
        self.first = name == "shared" and books.shape[0] > 1
        self.centres = self.clusters() if self.first else torch.zeros(0)
        self.router: Any = None
        if system.router is not None:
            optimiser = torch.optim.AdamW(
                system.router.requires_grad_(True).parameters(), lr=plan.router_rate
            )
            self.router, self.optimiser = accelerator.prepare(system.router, optimiser)

    def clusters(self) -> Tensor:
        """Centres [G, T * D] of k-means clusters of training images, the initial groups."""
        torch.manual_seed(self.system.config.seed)
        generator = np.random.default_rng(self.system.config.seed)
        rows = generator.permutation(self.pictures.training)[:FIRST]
        points = torch.from_numpy(self.latents[0, np.sort(rows)]).float().flatten(1)
        return kmeans(points, torch.ones(len(points)), len(self.counts)).to(self.counts.device)

    @torch.no_grad()
    def step(self, number: int) -> dict[str, Tensor]:
        """As `loop.Stage.step`."""
        z = self.batch(number)
        indices, costs = self.costs(z)
        errors = costs.sum(2)  # [B, G]
        best = errors.argmin(1)
        metrics = {} if self.router is None else self.teach(z, errors, best)
        groups = best
        if self.first and number < self.plan.settle * self.plan.steps:
            groups = nearest(z.flatten(1), self.centres)
        elif self.router is not None and number >= self.plan.explore * self.plan.steps:
            groups = self.quantizer.route(z, self.system.router)
        images = torch.arange(len(z), device=z.device)
        self.gather(z, groups, indices[images, groups])
        if number < 0.8 * self.plan.steps:  # later re-seeded codewords could not converge
            self.revive(z, groups)
        self.place()
        spread = z.var(0).mean().clamp_min(1e-12)
        used = group_use(groups, self.quantizer.arrangement)
        return {
            "error": self.error / z.shape[2] / spread,
            "groups": used.perplexity,
            "dead": (self.counts < self.plan.revive * self.even()).float().mean(),
            **metrics,
        }

    def batch(self, number: int) -> Tensor:
        """Latents [B, T, D] of this step's training images, about half of them mirrored."""
        seed = self.system.config.seed
        rows = self.pictures.rows(self.plan.batch, number, seed, self.accelerator)
        words = [seed, number, self.accelerator.process_index]
        mirrored = np.random.default_rng(words).integers(0, 2, len(rows))
        return torch.from_numpy(self.latents[mirrored, rows]).to(self.counts.device).float()

    def costs(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Best indices and their costs, [B, G, T] each, of latents [B, T, D] in every group.

        A cost is squared error + price * bits.
        """
        penalty = None
        if self.plan.price:
            price = self.plan.price * self.error
            penalty = price * -(self.share().clamp_min(1e-4)).log2()
        books = self.quantizer.codebooks
        if books.shape[1] > 1:
            _, indices, costs = search(z, books, groups="all", penalty=penalty)
            return indices, costs
        single = z.reshape(-1, 1, z.shape[2])  # all tokens use one codebook
        _, indices, costs = search(single, books, groups="all", penalty=penalty)
        shape = (len(z), z.shape[1], -1)
        return indices.view(shape).transpose(1, 2), costs.view(shape).transpose(1, 2)

    def share(self) -> Tensor:
        """The relative frequency of every codeword in its codebook, [G, T', K]."""
        return self.counts / self.counts.sum(2, keepdim=True).clamp_min(1e-12)

    def even(self) -> Tensor:
        """The mean count of the codewords of each codebook, [G, T', 1]."""
        return self.counts.mean(2, keepdim=True)

    def gather(self, z: Tensor, groups: Tensor, indices: Tensor) -> None:
        """Update the moving averages by a batch: z [B, T, D], groups [B], indices [B, T]."""
        _, books, size = self.counts.shape
        token = torch.arange(z.shape[1], device=z.device) * (books > 1)
        book = groups[:, None] * books + token
        at = (book * size + indices).flatten()
        points = z.reshape(-1, z.shape[2])
        chosen = self.quantizer.decode(groups, indices).reshape(points.shape)
        error = (points - chosen).square().sum(1).mean()
        counts = torch.zeros(self.counts.numel(), device=z.device)
        counts.index_add_(0, at, torch.ones(len(at), device=z.device))
        sums = torch.zeros(self.counts.numel(), z.shape[2], device=z.device)
        sums.index_add_(0, at, points)
        together = self.accelerator.num_processes
        counts, sums, error = (
            self.accelerator.reduce(x, "sum") / together for x in (counts, sums, error)
        )
        new = 1 - self.plan.decay
        self.counts.lerp_(counts.view_as(self.counts), new)
        self.sums.lerp_(sums.view_as(self.sums), new)
        self.error.lerp_(error, new if self.error else 1)

    def place(self) -> None:
        """Set every codeword that was chosen to its mean, with shrinkage by the plan's `pull`."""
        books, counts, sums = self.quantizer.codebooks, self.counts[..., None], self.sums
        if pull := self.pull():
            shape = sums.sum(0) / counts.sum(0).clamp_min(1e-12)  # [T', K, D]
            offset = (sums - counts * shape).sum(2, keepdim=True)
            offset = offset / counts.sum(2, keepdim=True).clamp_min(1e-12)  # [G, T', 1, D]
            sums, counts = sums + pull * (shape + offset), counts + pull
        books.copy_(torch.where(counts > 1e-9, sums / counts.clamp_min(1e-9), books))

    def pull(self) -> float:
        """The plan's pull in the unit of the counts, those of one batch; 0 with only one group."""
        images = len(self.pictures.training)  # each counts twice, with its mirror image
        batch = min(self.plan.batch, images) / self.accelerator.num_processes
        return self.plan.pull * batch / (2 * images) if len(self.counts) > 1 else 0.0

    def revive(self, z: Tensor, groups: Tensor) -> None:
        """Re-seed codewords and groups that are rarely chosen, from the batch z [B, T, D]."""
        if not self.plan.revive:
            return
        self.revive_groups()
        even = self.even()
        dead = (self.counts < self.plan.revive * even) & (even > 1e-9)
        # Where `pull` outweighs a group's images, a codeword counts as dead only if it is dead in
        # all groups.
        dead &= (self.pull() < even) | (self.counts.sum(0) < self.plan.revive * even.sum(0))
        group, book, word = dead.nonzero(as_tuple=True)
        if not len(group):
            return
        order = groups.argsort()
        members = torch.bincount(groups, minlength=len(self.counts))
        start = members.cumsum(0) - members
        pick = (torch.rand(len(group)).to(z.device) * members[group]).long()
        image = order[(start[group] + pick).clamp_max(len(z) - 1)]
        token = book
        if dead.shape[1] == 1:
            token = torch.randint(z.shape[1], (len(group),)).to(z.device)
        count = even[group, book, 0]
        alive = members[group] > 0
        at = group[alive], book[alive], word[alive]
        self.counts[at] = count[alive]
        self.sums[at] = (z[image, token] * count[:, None])[alive]
        self.agree()

    def revive_groups(self) -> None:
        """Replace each group with very few images by half of the largest group."""
        total = self.counts.sum((1, 2))
        for group in (total < self.plan.revive * total.mean()).nonzero().flatten().tolist():
            largest = int(total.argmax())
            self.counts[largest] /= 2
            self.sums[largest] /= 2
            self.counts[group] = self.counts[largest]
            noise = torch.randn(self.sums[group].shape).to(self.sums)
            noise *= 0.3 * (self.error / noise.shape[-1]).sqrt()
            self.sums[group] = self.sums[largest] + noise * self.counts[largest][..., None]
            total = self.counts.sum((1, 2))
            self.agree()

    def agree(self) -> None:
        """Copy counts and sums of the first process to all processes."""
        if self.accelerator.num_processes > 1:
            from accelerate.utils import broadcast

            self.counts, self.sums = broadcast(self.counts), broadcast(self.sums)

    def teach(self, z: Tensor, errors: Tensor, best: Tensor) -> dict[str, Tensor]:
        """Make a step of the router on latents [B, T, D] and the groups' errors [B, G].

        best [B]: the groups of least error. Returns scalars for the log: the share of images that
        the router assigns to their best group, and the relative increase of the error.
        """
        with torch.enable_grad():
            logits = self.router(z).float()
            loss = routing_loss(logits.softmax(1), errors)
            self.optimiser.zero_grad(set_to_none=True)
            self.accelerator.backward(loss.total(self.plan.balance, self.plan.decide))
            self.optimiser.step()
        chosen = errors.gather(1, logits.argmax(1, keepdim=True))
        return {
            "routed_right": (logits.argmax(1) == best).float().mean(),
            "routing_costs": chosen.sum() / errors.amin(1).sum() - 1,
        }

    def weights(self) -> dict[str, Any]:
        """As `loop.Stage.weights`."""
        names = ["quantizer"] + ([] if self.system.router is None else ["router"])
        return {name: self.system.get_submodule(name).state_dict() for name in names}

    def state(self) -> dict[str, Any]:
        """As `loop.Stage.state`."""
        state = {"counts": self.counts, "sums": self.sums, "error": self.error}
        return state if self.router is None else {**state, "optimiser": self.optimiser.state_dict()}

    def restore(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """As `loop.Stage.restore`."""
        for name, own in weights.items():
            self.system.get_submodule(name).load_state_dict(own)
        for name in ("counts", "sums", "error"):
            getattr(self, name).copy_(state[name])
        if self.router is not None:
            self.optimiser.load_state_dict(state["optimiser"])

    @torch.no_grad()
    def measure(self, sheet: bool) -> tuple[dict[str, float], Tensor | None]:
        """As `loop.Stage.measure`: PSNR, error relative to the latents' variance, codebook use."""
        rows = self.pictures.validation
        z = torch.from_numpy(self.latents[:, rows]).flatten(0, 1).to(self.counts.device).float()
        found, indices = self.quantizer.encode(z, self.system.route(z))
        error = (z - self.quantizer.decode(found, indices)).square().mean() / z.var(0).mean()
        use = codebook_use(indices, found, self.quantizer.arrangement)
        figures, pictures = measure(self.system, self.pictures, self.accelerator, sheet)
        figures |= {"error": float(error), "use": float(use.share.mean())}
        figures["groups"] = float(group_use(found, self.quantizer.arrangement).perplexity)
        return {k: v for k, v in figures.items() if math.isfinite(v)}, pictures
