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
    """Level `number` of a model: components [B, Z] to indices [B, T] and back, in groups [B].

    The level has codebooks for every group, or one set that all groups share. Latents are the
    outputs of the transform, concatenated over the tokens; the array `widths` has the dimensions of
    each token. Arrays are read from the model when they are first needed: a decoder never reads
    those of an encoder, and decoding a small file never reads the late levels.
    """

    model: ModelFile
    core: Core
    number: int

    @property
    def components(self) -> int:
        """Z: the level quantizes the first Z components."""
        return int(self._synthesis.values.shape[0])

    @property
    def tokens(self) -> int:
        """T: the number of tokens."""
        return len(self._widths)

    @property
    def is_shared(self) -> bool:
        """Whether all groups have the same codebooks."""
        return len(self._codewords) == 1

    def encode(self, components: Floats, groups: Longs, there: Floats | None = None) -> Longs:
        """Return the index of the codeword of least cost for every token, [B, T].

        components: [B, all]; only the first Z are used. there: latents [B, n] of codewords that
        have been subtracted from the components. They are added to the latents again, so that the
        transforms do not round them.

        Raises ModelError if the model's numbers are so large that latents are not finite.
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
        except ValueError as error:  # the shapes fit, so numbers are not finite
            raise ModelError(f"{self.model.name} cannot encode: {error}") from error

    def latents(self, components: Floats) -> Floats:
        """Return the latents [B, sum of widths] of components [B, all]."""
        return self.core.project(
            np.ascontiguousarray(components[:, : self.components]), self._analysis
        )

    def decode(self, indices: Longs, groups: Longs, counts: Longs) -> Floats:
        """Return the sum of the selected codewords as components [B, Z].

        indices: [B, n], n at most T; face b has only its first counts[b] tokens.
        """
        return self.core.expand(self.codewords(indices, groups, counts), self._synthesis)

    def codewords(self, indices: Longs, groups: Longs, counts: Longs) -> Floats:
        """Return the codewords as latents [B, C], 0 for tokens that a face does not have.

        indices: [B, n], n at most T; face b has only its first counts[b] tokens. The result always
        has all C latents: a product with fewer columns rounds differently, and the result of a face
        must not depend on the longest face of its batch.
        """
        token, own = self._token_of, self._own(groups)[:, None]
        known = np.minimum(token, indices.shape[1] - 1)
        latents = self._codewords[own, indices[:, known], np.arange(len(token))]
        latents *= token < np.minimum(counts, indices.shape[1])[:, None]
        return latents

    def _own(self, groups: Longs) -> Longs:
        """The groups of the level's codebooks for groups [B] of the model: 0 if shared."""
        return np.zeros_like(groups) if self.is_shared else groups

    def _array(self, name: str) -> npt.NDArray[Any]:
        return self.model.array(f"levels.{self.number}.{name}")

    @cached_property
    def _widths(self) -> Longs:
        return self._array("widths").astype(np.int64)

    @cached_property
    def _ends(self) -> Longs:
        """The number of latents of the first 0, 1, ... T tokens, [T + 1]."""
        return np.concatenate([[0], self._widths.cumsum()])

    @cached_property
    def _token_of(self) -> Longs:
        """The token that each latent belongs to."""
        return np.repeat(np.arange(self.tokens), self._widths)

    @cached_property
    def _places(self) -> Longs:
        """The position of each latent in rows of T * D numbers, with all tokens padded to D."""
        within = np.arange(len(self._token_of)) - self._ends[self._token_of]
        return self._token_of * self._dimensions + within

    @cached_property
    def _dimensions(self) -> int:
        """D: the largest number of dimensions of a token; the search pads all tokens to D."""
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
        """The metric in which the encoder measures errors of the level."""
        return self.model.metric(self.number)

    @cached_property
    def price(self) -> np.float32:
        """The rate-distortion weight: the squared error of latents that one bit is worth.

        The squared length of a component error in the metric has the same unit.
        """
        return np.float32(self.model.array(f"encoder.levels.{self.number}.price")[0])

    @cached_property
    def _prepared(self) -> PreparedCodebooks:
        """The codebooks [G or 1, T, K, D], prepared for the search; a bit costs `price`."""
        groups, codewords, _ = self._codewords.shape
        padded = np.zeros((groups, codewords, self.tokens * self._dimensions), np.float32)
        padded[..., self._places] = self._codewords
        books = padded.reshape(groups, codewords, self.tokens, -1).transpose(0, 2, 1, 3)
        counts = self.model.tables.levels[self.number].astype(np.float32)
        bits = np.log2(counts.sum(2, keepdims=True) / counts)
        return PreparedCodebooks(np.ascontiguousarray(books), self.price * bits)
