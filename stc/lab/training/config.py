"""What a training run is: frozen dataclasses, read from TOML."""

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
    """Training of networks against pictures: squared error + LPIPS + identity."""

    steps: int = 0
    batch: int = 24  # over all processes
    rate: float = 1e-3
    warm_up: int = 50
    pixels: float = 3.0  # weight of the squared error of [-1, 1] pixels,
    perception: float = 0.4  # of LPIPS
    identity: float = 1.0  # and of 1 - cosine in the recogniser
    save_every: int = 200
    sheet_every: int = 500

    def __post_init__(self) -> None:
        _at_least(self, 0, "steps", "pixels", "perception", "identity")
        _at_least(self, 1, "batch", "warm_up", "save_every", "sheet_every")


@dataclass(frozen=True)
class BaseStage(NetworkStage):
    """Stage `base`: encoder, decoder and one codebook for all tokens."""

    free: int = 100  # steps without a quantizer; k-means starts the codebook after them
    commitment: float = 0.25
    revive_every: int = 20  # steps between two searches for unused codewords


@dataclass(frozen=True)
class PatchFit:
    """Stage `base` of patches: a closed-form fit, which is a single step."""

    faces: int = 8192  # so many training faces, if there are
    start: str | None = None  # a shipped model whose decoder the decoder starts as

    steps: ClassVar[int] = 1
    save_every: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _at_least(self, 1, "faces")


@dataclass(frozen=True)
class JointStage(NetworkStage):
    """Stage `joint`: the encoder and the codebooks move too, at these shares of the rate."""

    encoder_share: float = 0.1
    codebook_share: float = 0.1
    commitment: float = 0.25


@dataclass(frozen=True)
class CodebookStage:
    """Stages `shared` and `specific`: codebooks and router on latents that were coded once."""

    steps: int = 100
    batch: int = 2048  # images, over all processes
    decay: float = 0.9  # of the moving sums whose quotient is the codeword
    price: float = 0.0  # of one bit in the search, in mean squared errors of a token
    revive: float = 0.05  # a codeword used less than this share of the even use is re-seeded
    pull: float = 0.0  # images' worth of weight that all groups' common codebook has in each
    settle: float = 0.5  # share of `shared`'s steps in which clusters of images are the groups
    explore: float = 0.7  # share of the steps before a learned router chooses the groups
    router_rate: float = 1e-2
    balance: float = 1.0
    decide: float = 0.1
    save_every: int = 100

    def __post_init__(self) -> None:
        _at_least(self, 0, "steps", "price", "revive", "pull", "balance", "decide")
        _at_least(self, 1, "batch", "save_every")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be in [0, 1), not {self.decay}")


@dataclass(frozen=True)
class TokenizerRun:
    """A base tokenizer of any family that is given STC's quantizer."""

    about: str
    family: Literal["grid", "sequence", "patches"]
    tokenizer: TokenizerConfig
    arrangement: Arrangement
    routing: Routing = "exhaustive"
    seed: int = 0
    precision: Literal["bf16", "fp32"] = "bf16"
    held_out: int = 200  # every 200th face is for validation
    base: BaseStage | PatchFit = field(default_factory=BaseStage)
    shared: CodebookStage = field(default_factory=CodebookStage)
    specific: CodebookStage = field(default_factory=CodebookStage)
    decoder: NetworkStage = field(default_factory=NetworkStage)
    joint: JointStage = field(default_factory=JointStage)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages in their order; `joint` only if it has any steps."""
        return STAGES if self.joint.steps else STAGES[:-1]


@dataclass(frozen=True)
class LevelsRun:
    """The level-ordered tokenizer, the one that ships."""

    about: str
    family: Literal["levels"]
    fit: FitPlan
    decoder: RenderPlan
    upscaler: UpscalerPlan = field(default_factory=UpscalerPlan)
    data: DataPlan = field(default_factory=DataPlan)
    start: str | None = None  # model whose decoder the decoder goes on from; from nothing if None
    seed: int = 0

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages in their order; `upscaler` only if it has any steps."""
        between = ("upscaler",) if self.upscaler.steps else ()
        return ("fit", "decoder", *between, "export")


STAGES = ("base", "shared", "specific", "decoder", "joint")
RUNS: dict[str, type[TokenizerRun] | type[LevelsRun]] = {
    "grid": TokenizerRun,
    "sequence": TokenizerRun,
    "patches": TokenizerRun,
    "levels": LevelsRun,
}
# What a family's tables `tokenizer` and `base` hold.
TOKENIZERS: dict[str, tuple[type[TokenizerConfig], type[BaseStage] | type[PatchFit]]] = {
    "grid": (GridConfig, BaseStage),
    "sequence": (SequenceConfig, BaseStage),
    "patches": (PatchConfig, PatchFit),
}


def load(name: str, changes: dict[str, Any] | None = None) -> TokenizerRun | LevelsRun:
    """A shipped configuration by name, or one from a TOML file, with changes merged into it.

    Raises StcError for unknown keys, wrong types and values that make no sense.
    """
    values = configs.merge(configs.read(name), changes or {})
    return parse(values, name)


def parse(values: dict[str, Any], name: str) -> TokenizerRun | LevelsRun:
    """Tables as TOML holds them -> a run; `name` begins the message of an error."""
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
    """The tokenizer's own configuration; `published` picks a size that a paper states."""
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
    except (KeyError, ValueError) as error:
        raise StcError(f"{name}: tokenizer.published: {error}") from error


def _at_least(config: object, least: float, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ValueError(f"{name} must be at least {least}, not {getattr(config, name)}")
