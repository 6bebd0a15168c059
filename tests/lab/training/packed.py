"""Packed matrices of models, as the fit would give them to the export."""

from stc.codec.shapes import PACKED
from stc.lab.training.arrays import used_columns
from stc.lab.training.packing import named, pack_codebooks


def packed_codebooks(tokenizer, bits):
    """The packed codebooks of all levels."""
    arrays = {}
    for number, level in enumerate(tokenizer.levels):
        books = level.codebooks.weight.transpose(1, 2).flatten(2)[..., used_columns(level)]
        arrays |= named(f"levels.{number}.codebooks", pack_codebooks(books, bits)[0])
    return arrays


def packed_arrays(model):
    """The arrays of a model's packed matrices, unchanged."""
    names = [name[: -len(".codes")] for name in model.names if name.endswith(".codes")]
    every = [f"{name}.{word}" for name in names for word in PACKED]
    return {name: model.array(name) for name in every if name in model.entries}
