"""The verbs of the laboratory, which plug into the `stc` command: group `stc.verbs`."""
