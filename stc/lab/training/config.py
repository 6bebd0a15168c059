"""Configurations of training runs: frozen dataclasses, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

from stc.errors import StcError
from stc.lab.tokenizers import GridConfig, PatchConfig, SequenceConfig
from stc.lab.tokenizers.quantizer import Arrangement
from stc.lab.training import configs
from stc.lab.training.collection import DataPlan
from stc.lab.training.fit import FitPlan
from stc.lab.training.render import RenderPlan
from stc.lab.training.typed import build, convert
from stc.lab.training.upscaling import UpscalerPlan

Routing = Literal["exhaustive", "learned"]
TokenizerConfig = GridConfig | SequenceConfig | PatchConfig


@dataclass(frozen=True)
class NetworkStage:
    """Training of networks on pictures, with the loss squared error + LPIPS + identity."""

    steps: int = 0
    batch: int = 24  # pictures, over all processes
    rate: float = 1e-3  # learning rate
    warm_up: int = 50  # steps
    pixels: float = 3.0  # weight of the squared error of pixels in [-1, 1]
    perception: float = 0.4  # weight of LPIPS
    identity: float = 1.0  # weight of 1 - cosine of the recognition model's embeddings
    save_every: int = 200  # steps between checkpoints
    sheet_every: int = 500  # steps between sheets of pictures

    def __post_init__(self) -> None:
        _at_least(self, 0, "steps", "pixels", "perception", "identity")
        _at_least(self, 1, "batch", "warm_up", "save_every", "sheet_every")


@dataclass(frozen=True)
class BaseStage(NetworkStage):
    """Stage `base`: encoder, decoder and one codebook for all tokens."""

    free: int = 100  # first steps, without a quantizer; then k-means initialises the codebook
    commitment: float = 0.25  # weight of the commitment loss (VQ-VAE, arXiv 1711.00937)
    revive_every: int = 20  # steps between searches for unused codewords


@dataclass(frozen=True)
class PatchFit:
    """Stage `base` of the patch tokenizer: a closed-form fit in a single step."""

    faces: int = 8192  # the maximal number of training faces
    start: str | None = None  # a shipped model whose decoder initialises this one

    steps: ClassVar[int] = 1
    save_every: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _at_least(self, 1, "faces")


@dataclass(frozen=True)
class JointStage(NetworkStage):
    """Stage `joint`: encoder, codebooks and decoder are trained together."""

    encoder_share: float = 0.1  # the encoder's learning rate, as a share of `rate`
    codebook_share: float = 0.1  # the codebooks' learning rate, as a share of `rate`
    commitment: float = 0.25  # weight of the commitment loss


@dataclass(frozen=True)
class CodebookStage:
    """Stages `shared` and `specific`: codebooks and router, trained on precomputed latents."""

    steps: int = 100
    batch: int = 2048  # images, over all processes
    decay: float = 0.9  # of the moving averages from which codewords are computed
    price: float = 0.0  # rate-distortion weight of the search, in mean squared errors of a token
    revive: float = 0.05  # a codeword used less than this share of the mean use is re-seeded
    pull: float = 0.0  # weight of the codebook common to all groups in each group's, in images
    settle: float = 0.5  # share of `shared`'s steps in which k-means clusters are the groups
    explore: float = 0.7  # share of the steps before a learned router chooses the groups
    router_rate: float = 1e-2  # learning rate of the router
    balance: float = 1.0  # weight of the router's balance loss
    decide: float = 0.1  # weight of the router's decide loss
    save_every: int = 100  # steps between checkpoints

    def __post_init__(self) -> None:
        _at_least(self, 0, "steps", "price", "revive", "pull", "balance", "decide")
        _at_least(self, 1, "batch", "save_every")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1), not {self.decay}")


@dataclass(frozen=True)
class TokenizerRun:
    """A run that trains a base tokenizer of any family with STC's quantizer."""

    about: str  # one line for `stc train --list`
    family: Literal["grid", "sequence", "patches"]
    tokenizer: TokenizerConfig
    arrangement: Arrangement
    routing: Routing = "exhaustive"
    seed: int = 0
    precision: Literal["bf16", "fp32"] = "bf16"
    held_out: int = 200  # every `held_out`-th face is for validation
    base: BaseStage | PatchFit = field(default_factory=BaseStage)
    shared: CodebookStage = field(default_factory=CodebookStage)
    specific: CodebookStage = field(default_factory=CodebookStage)
    decoder: NetworkStage = field(default_factory=NetworkStage)
    joint: JointStage = field(default_factory=JointStage)

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages in order; `joint` only if it has any steps."""
        return STAGES if self.joint.steps else STAGES[:-1]


@dataclass(frozen=True)
class LevelsRun:
    """A run that trains the tokenizer of residual stages (levels), as in the shipped models."""

    about: str  # one line for `stc train --list`
    family: Literal["levels"]
    fit: FitPlan
    decoder: RenderPlan
    upscaler: UpscalerPlan = field(default_factory=UpscalerPlan)
    data: DataPlan = field(default_factory=DataPlan)
    start: str | None = None  # model whose decoder initialises this one; random weights if None
    seed: int = 0

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages in order; `upscaler` only if it has any steps."""
        between = ("upscaler",) if self.upscaler.steps else ()
        return ("fit", "decoder", *between, "export")


STAGES = ("base", "shared", "specific", "decoder", "joint")
RUNS: dict[str, type[TokenizerRun] | type[LevelsRun]] = {
    "grid": TokenizerRun,
    "sequence": TokenizerRun,
    "patches": TokenizerRun,
    "levels": LevelsRun,
}
# The types of a family's tables `tokenizer` and `base`.
TOKENIZERS: dict[str, tuple[type[TokenizerConfig], type[BaseStage] | type[PatchFit]]] = {
    "grid": (GridConfig, BaseStage),
    "sequence": (SequenceConfig, BaseStage),
    "patches": (PatchConfig, PatchFit),
}


def load(name: str, changes: dict[str, Any] | None = None) -> TokenizerRun | LevelsRun:
    """Load a shipped configuration by name, or a TOML file, with `changes` merged into it.

    Raises StcError for unknown or missing keys, wrong types and invalid values.
    """
    values = configs.merge(configs.read(name), changes or {})
    return parse(values, name)


def parse(values: dict[str, Any], name: str) -> TokenizerRun | LevelsRun:
    """Convert nested TOML tables to a run; name: the start of error messages.

    Raises StcError as `load`.
    """
    family = values.get("family")
    if family not in RUNS:
        raise StcError(f"{name}: family must be one of {', '.join(RUNS)}, not {family!r}")
    if family in TOKENIZERS:
        tokenizer, base = TOKENIZERS[family]
        values = {**values, "base": convert(base, values.get("base", {}), f"{name}: base")}
        if "tokenizer" in values:
            values["tokenizer"] = _tokenizer(values["tokenizer"], tokenizer, name)
    return build(RUNS[family], values, name)


def _tokenizer(values: Any, kind: type[TokenizerConfig], name: str) -> TokenizerConfig:
    """The configuration of a tokenizer; the key `published` selects a size from its paper."""
    chosen = isinstance(values, dict) and "published" in values
    if not chosen or issubclass(kind, PatchConfig):
        return cast("TokenizerConfig", convert(kind, values, f"{name}: tokenizer"))
    (published, *others) = values.values()
    if others:
        raise StcError(f"{name}: tokenizer.published allows no other keys beside it")
    try:
        if issubclass(kind, SequenceConfig):
            return kind.published(published)
        return kind.published()
    except (TypeError, ValueError) as error:  # TypeError: a list cannot be a name
        raise StcError(f"{name}: tokenizer.published: {error}") from error


def _at_least(config: object, least: float, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(f"{name} must be at least {least}, not {getattr(config, name)}")
