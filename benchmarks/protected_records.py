"""Search in a million protected records: time, memory, and the recall of the first stage.

    python benchmarks/protected_records.py make DIR --count 1000000   # an index, its key
    /usr/bin/time -v python benchmarks/protected_records.py search DIR
    python benchmarks/protected_records.py recall DIR
    python benchmarks/protected_records.py agreement DIR --queries 20   # with all exact scores

The records contain no faces. The embedding of a record is drawn from a normal distribution in D
dimensions and projected onto 49 groups of 16, as by `--head spread`. The variance of recognition
models differs between dimensions: --decay 27 gives impostor pairs the cosines of dlib's. A query is
the embedding of a record with noise that gives both a chosen cosine, as a new picture would have.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from stc.protection import (
    Gallery,
    GroupedTemplate,
    Key,
    RecordIndex,
    match,
    match_many,
    protect_many,
    write_index,
)
from stc.protection.extractors import spread
from stc.protection.template import unit

BLOCK = 4096


def drawn(seed, count, options):
    """Random unit vectors [count, D], the same for the same seed."""
    values = np.random.default_rng(seed).standard_normal((count, options.size))
    return unit((values * np.exp(-np.arange(options.size) / options.decay)).astype(np.float32))


def fresh(row, cosine, options):
    """The template of a simulated new picture of the person of record `row`."""
    known = drawn((1, row // BLOCK), BLOCK, options)[row % BLOCK]
    noise = drawn((2, row), 1, options)[0]
    noise = unit(noise - (noise @ known) * known)
    features, weights = spread((cosine * known + np.sqrt(1 - cosine**2) * noise)[None])
    return GroupedTemplate(features[0], weights[0], options.maker)


def records(options, key):
    """Yield records as read from files, quantized to 8 bits."""
    for start in range(0, options.count, BLOCK):
        count = min(BLOCK, options.count - start)
        features, weights = spread(drawn((1, start // BLOCK), BLOCK, options)[:count])
        ids = list(range(start, start + count))
        made = protect_many(features, weights, key, ids, maker=options.maker)
        middles = (np.floor((made.features + 1) * 128) + np.float32(0.5)) / 128 - 1
        np.copyto(made.features, np.where(made.features != 0, middles, 0))
        yield from made


def make(options):
    """Write a new key, and an index of random records."""
    options.folder.mkdir(exist_ok=True)
    key = Key.generate()
    key.save(options.folder / "face.key")
    with open(options.folder / "records.stg", "x+b") as file:
        write_index(file, records(options, key), key)


def search(options):
    """Time one query, in a process that does nothing else."""
    key, query = opened(options)
    began, used = time.perf_counter(), time.process_time()
    with open(options.folder / "records.stg", "rb") as file:
        index = RecordIndex(file, key)
        found = index.search(query(0, 0.6))
    print(f"{len(index)} records, {index.dimensions} dimensions a sketch")
    print(f"{time.process_time() - used:.2f} s of one core, {time.perf_counter() - began:.2f} s")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")
    print(f"the best: {found[0][0]:.4f} {found[0][1].label}")


def recall(options):
    """The recall of the person's record in the first stage, by the cosine of the pictures."""
    key, query = opened(options)
    print(f"{options.queries} queries a row; share with the person's record among the best N")
    print("cosine  exact score        10    100   1000  10000")
    with open(options.folder / "records.stg", "rb") as file:
        index = RecordIndex(file, key)
        rows = np.random.default_rng(3).choice(len(index), options.queries, replace=False)
        for cosine in options.cosines:
            templates = [query(row, cosine) for row in rows]
            rough = index.rough_scores(templates)
            exact, ranks = [], []
            for row, template, scores in zip(rows, templates, rough, strict=True):
                exact.append(match(template, index.record(int(row)), key))
                ranks.append(int((scores > scores[row]).sum()))
            shares = (f"{np.mean(np.array(ranks) < most):.3f}" for most in (10, 100, 1000, 10_000))
            spread_of = f"{np.mean(exact):.3f} ± {np.std(exact):.3f}"
            print(f"{cosine:.2f}    {spread_of}    {'  '.join(shares)}")


def agreement(options):
    """The share of the ten records with the highest exact scores that the first stage selects."""
    key, query = opened(options)
    with open(options.folder / "records.stg", "rb") as file:
        index = RecordIndex(file, key)
        gallery = Gallery.of([index.record(row) for row in range(len(index))])
        rows = np.random.default_rng(3).choice(len(index), options.queries, replace=False)
        templates = [query(row, 0.6) for row in rows]
        found = []
        for template, rough in zip(templates, index.rough_scores(templates), strict=True):
            exact = match_many(template, gallery, key)
            best = np.argsort(-exact)[:10]
            found.append([int((rough > rough[row]).sum()) for row in best])
        print(f"impostor pairs: {exact.mean():.3f} ± {exact.std():.3f}")
    for most in (10, 100, 1000):
        shares = (np.array(found) < most).mean()
        print(f"of the ten best of {len(index)}, among the first stage's {most}: {shares:.3f}")


def opened(options):
    """The key, and a function that makes the query for a record number and a cosine."""
    key = Key.load(options.folder / "face.key")
    return key, lambda row, cosine: fresh(int(row), cosine, options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    works = {"make": make, "search": search, "recall": recall, "agreement": agreement}
    parser.add_argument("work", choices=works)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=128, help="dimensions of an embedding")
    parser.add_argument(
        "--decay", type=float, default=np.inf, help="dimensions in which deviations fall e-fold"
    )
    parser.add_argument("--maker", type=bytes.fromhex, default=bytes(4))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--cosines", type=float, nargs="+", default=[0.3, 0.4, 0.5, 0.6])
    options = parser.parse_args()
    works[options.work](options)


if __name__ == "__main__":
    main()
