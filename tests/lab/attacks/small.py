"""The proof in a second: fewer settings, resamples, guesses and epochs."""

from functools import partial

from stc.lab.attacks import accuracy, attacks, linking, report, rivals, tradeoff
from stc.lab.attacks.tradeoff import Setting


def make_small(patch):
    """Change the constants of the proof for as long as the patch lasts."""
    patch.setattr(linking, "RESAMPLES", 20)
    patch.setattr(attacks, "GUESSES", 10)
    patch.setattr(attacks, "GUESSED", 5)
    patch.setattr(accuracy, "SHIFTS", 2)
    patch.setattr(attacks, "learn_mapping", partial(attacks.learn_mapping, epochs=1))
    patch.setattr(rivals, "_STEPS", 10)
    patch.setattr(accuracy, "ALPHAS", (0.5, 0.9))
    patch.setattr(report, "ALPHAS", (0.5, 0.9))
    few = Setting(0.9, 0.5), Setting(0.9, 0.5, 2), Setting(0.9, 0.25, thin=True)
    patch.setattr(tradeoff, "SETTINGS", few)
