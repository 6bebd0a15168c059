"""Coverage-guided fuzzers of everything in stc that reads what strangers wrote.

    python -m fuzz all --seconds 60      every target, exit code 1 if one fails
    python -m fuzz ndef --runs 100000    one of them
    python -m fuzz ndef --replay FILE    one input again, without the fuzzer

docs/fuzzing.md says how to add a target. Needs pip install '.[fuzz]' and Linux.
"""
