"""One residual stage of the tokenizer: a linear transform and a codebook for every token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stc.codec.core import Core, Matrix
from stc.codec.metric import Metric
from stc.codec.model_file import ModelFile
from stc.errors import BackendError, ModelError
from stc.fork_lock import cached_property
from stc.kernels import PreparedCodebooks, search

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Level:
    """Level `number` of a model: components [B, Z] <-> indices [B, T], in groups [B].

    Its codebooks are each group's own, or one set that all groups share.
    Latents are the transform's outputs, token after token, each with as many dimensions as its
    `widths` say. Arrays are read from the model when they are first needed, so a decoder never
    touches those of an encoder, and a small file never touches the late levels.
    """

    model: ModelFile
    core: Core
    number: int

    @property
    def components(self) -> int:
        """Z: the level reads and refines the first so many components."""
        return int(self._synthesis.values.shape[0])

    @property
    def tokens(self) -> int:
        """T."""
        return len(self._widths)

    @property
    def is_shared(self) -> bool:
        """Whether all groups have the same codebooks."""
        return len(self._codewords) == 1

    def encode(self, components: Floats, groups: Longs, there: Floats | None = None) -> Longs:
        """Components [B, all] -> the index of the cheapest codeword of every token, [B, T].

        there: codewords [B, n] of the first tokens that have been taken off the components. They
        are put back here, where the rounding of the transforms does not touch them.

        Raises ModelError where the model's numbers are so large that latents are none.
        """
        latents = self.latents(components)
        if there is not None:
            latents[:, : there.shape[1]] += there
        padded = np.zeros((len(latents), self.tokens, self._dimensions), np.float32)
        padded.reshape(len(latents), -1)[:, self._places] = latents
        try:
            return search(padded, self._prepared, self._own(groups))[0]
        except BackendError:
            raise
        except ValueError as error:  # shapes fit, so it is about numbers
            raise ModelError(f"{self.model.name} cannot encode: {error}") from error

    def latents(self, components: Floats) -> Floats:
        """Components [B, all] -> latents [B, sum of widths]."""
        return self.core.project(
            np.ascontiguousarray(components[:, : self.components]), self._analysis
        )

    def decode(self, indices: Longs, groups: Longs, counts: Longs) -> Floats:
        """Components [B, Z] of the codewords of the first counts [B] tokens of indices [B, n]."""
        return self.core.expand(self.codewords(indices, groups, counts), self._synthesis)

    def codewords(self, indices: Longs, groups: Longs, counts: Longs) -> Floats:
        """Codewords of the first counts [B] tokens of indices [B, n], 0 for the others, [B, C].

        Always all C latents: a product with fewer columns is rounded otherwise, and what becomes of
        a face must not depend on the longest one beside it.
        """
        token, own = self._token_of, self._own(groups)[:, None]
        known = np.minimum(token, indices.shape[1] - 1)
        latents = self._codewords[own, indices[:, known], np.arange(len(token))]
        latents *= token < np.minimum(counts, indices.shape[1])[:, None]
        return latents

    def _own(self, groups: Longs) -> Longs:
        """Which of the level's groups faces of the model's groups [B] have."""
        return np.zeros_like(groups) if self.is_shared else groups

    def _array(self, name: str) -> npt.NDArray[Any]:
        return self.model.array(f"levels.{self.number}.{name}")

    @cached_property
    def _widths(self) -> Longs:
        return self._array("widths").astype(np.int64)

    @cached_property
    def _ends(self) -> Longs:
        """Latents of the first 0, 1, ... T tokens."""
        return np.concatenate([[0], self._widths.cumsum()])

    @cached_property
    def _token_of(self) -> Longs:
        """The token that each latent belongs to."""
        return np.repeat(np.arange(self.tokens), self._widths)

    @cached_property
    def _places(self) -> Longs:
        """Where each latent lies in rows of T tokens of equally many dimensions."""
        within = np.arange(len(self._token_of)) - self._ends[self._token_of]
        return self._token_of * self._dimensions + within

    @cached_property
    def _dimensions(self) -> int:
        """D: the most dimensions of a token; the search wants all of them to have as many."""
        return int(self.model.config["levels"][self.number][3])

    @cached_property
    def _codewords(self) -> Floats:
        """[G or 1, K, sum of widths]"""
        books = self.model.matrix(f"levels.{self.number}.codebooks")
        groups = self.model.tables.levels[self.number].shape[0]
        return (books.values * books.scale).reshape(groups, -1, len(books.scale))

    @cached_property
    def _synthesis(self) -> Matrix:
        return self.model.matrix(f"levels.{self.number}.synthesis")

    @cached_property
    def _analysis(self) -> Matrix:
        return self.metric.analysis(self._synthesis)

    @cached_property
    def metric(self) -> Metric:
        """What the level measures errors by."""
        return self.model.metric(self.number)

    @cached_property
    def price(self) -> np.float32:
        """The error, in squares of latents or of components in the metric, that a bit is worth."""
        return np.float32(self.model.array(f"encoder.levels.{self.number}.price")[0])

    @cached_property
    def _prepared(self) -> PreparedCodebooks:
        """The codebooks [G or 1, T, K, D], ready to be searched; a bit costs `price`."""
        groups, codewords, _ = self._codewords.shape
        padded = np.zeros((groups, codewords, self.tokens * self._dimensions), np.float32)
        padded[..., self._places] = self._codewords
        books = padded.reshape(groups, codewords, self.tokens, -1).transpose(0, 2, 1, 3)
        counts = self.model.tables.levels[self.number].astype(np.float32)
        bits = np.log2(counts.sum(2, keepdims=True) / counts)
        return PreparedCodebooks(np.ascontiguousarray(books), self.price * bits)
