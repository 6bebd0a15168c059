"""The `stc` command: one module a verb."""
