"""Models made of the first levels of the shipped one, for slow tests and for tests of groups."""

import json

import numpy as np

from stc.codec.model_file import ModelFile, open_model, save_model


def first_levels(path, number: int, groups: int = 1, own: int | None = None) -> ModelFile:
    """Make a model of the first levels of the shipped one, with different codebooks per group.

    own: number of levels that have codebooks for every group; the others share theirs.
    """
    model = open_model()
    arrays = {
        name: array
        for name, array in model.read().items()
        if "levels." not in name or int(name.split("levels.")[1].split(".")[0]) < number
    }
    config = json.loads(arrays["config"].tobytes())
    config["levels"], config["groups"] = config["levels"][:number], groups
    arrays["config"] = np.frombuffer(json.dumps(config, sort_keys=True).encode(), np.uint8)
    share = np.full(groups, (1 << 16) // groups, np.uint32)
    share[0] += (1 << 16) - share.sum()
    arrays["groups.counts"] = share
    for level in range(number):
        name = f"levels.{level}."
        first = model.array(f"{name}counts")[:1]
        stored = model.matrix(f"{name}codebooks")
        for word in ("codes", "curve", "tops"):
            arrays.pop(f"{name}codebooks.{word}", None)
        mine = 1 if own is not None and level >= own else groups
        books = stored.values.reshape(-1, first.shape[2], len(stored.scale))[:1]
        books = books.repeat(mine, 0).astype(np.int16)
        counts = first.repeat(mine, 0)
        # The codewords of each group are changed slightly, and in another order.
        for group in range(1, mine):
            books[group] = np.roll(books[group], group, 0) + group
            counts[group] = np.roll(counts[group], group, 1)
        arrays[f"{name}codebooks"] = books.clip(-127, 127).astype(np.int8)
        arrays[f"{name}counts"] = counts
    return save_model(path, f"small-{number}-{groups}", arrays)
