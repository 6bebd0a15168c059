"""Coverage-guided fuzzers of all parsers in stc that read untrusted input.

    python -m fuzz all --seconds 60      every target, exit code 1 if one fails
    python -m fuzz ndef --runs 100000    one target
    python -m fuzz ndef --replay FILE    one input, without the fuzzer

docs/fuzzing.md explains how to add a target. Needs pip install '.[fuzz]' and Linux.
"""
