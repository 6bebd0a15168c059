"""The verbs of `stc.lab`, which the `stc` command finds by entry points of group `stc.verbs`."""
