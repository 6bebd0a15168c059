"""A model of the shipped one's first levels, for what is slow; and one with groups."""

import json

import numpy as np

from stc.codec.model_file import ModelFile, open_model, save_model


def first_levels(path, number: int, groups: int = 1) -> ModelFile:
    """The first levels of the shipped model, whose codebooks differ from group to group."""
    arrays = {
        name: array
        for name, array in open_model().read().items()
        if "levels." not in name or int(name.split("levels.")[1].split(".")[0]) < number
    }
    config = json.loads(arrays["config"].tobytes())
    config["levels"], config["groups"] = config["levels"][:number], groups
    arrays["config"] = np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8)
    if groups > 1:
        share = np.full(groups, (1 << 16) // groups, np.uint32)
        share[0] += (1 << 16) - share.sum()
        arrays["groups.counts"] = share
        for level in range(number):
            name = f"levels.{level}."
            # Codewords of every group, moved a little, in an order of its own.
            books = arrays[f"{name}codebooks"].repeat(groups, 0).astype(np.int16)
            for group in range(1, groups):
                books[group] = np.roll(books[group], group, 0) + group
            arrays[f"{name}codebooks"] = books.clip(-127, 127).astype(np.int8)
            counts = arrays[f"{name}counts"].repeat(groups, 0)
            for group in range(1, groups):
                counts[group] = np.roll(counts[group], group, 1)
            arrays[f"{name}counts"] = counts
    return save_model(path, f"small-{number}-{groups}", arrays)
