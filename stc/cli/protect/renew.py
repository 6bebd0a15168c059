"""`stc protect renew`: replace a record by a new one, and revoke the old one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stc.cli.exit_codes import OutputExistsError, UsageError
from stc.cli.files import check_target, is_device, is_stdout, same_file
from stc.cli.naming import about
from stc.cli.printing import shown
from stc.cli.protect.common import (
    add_extractor,
    add_key,
    new_parser,
    open_extractor,
    read_record,
    template_of,
)
from stc.cli.protect.deciding import Decision, add_decision
from stc.cli.protect.replacing import check_replaceable, locked, replace, sync_folder
from stc.cli.protect.revoking import add_revoked, check_list, known_revoked
from stc.cli.writing import write_atomically
from stc.errors import StcError

if TYPE_CHECKING:
    from stc.protection import GroupedTemplate, Key, ProtectedTemplate


def add_parser(verbs: Any) -> None:
    """Add `stc protect renew` to argparse's subparsers."""
    parser = new_parser(
        verbs,
        "renew",
        "replace a record by one with new noise, and revoke the old one",
        epilog="A new picture is needed. Except for the id, which stays, nothing links the new\n"
        "record to the old one. The new record is on the disk before the old one is revoked;\n"
        "after an interruption, run the same command again to complete the renewal.\n\n"
        "example:\n  stc protect renew alice-new.jpg records/alice.stp --key face.key "
        "--revoked revoked.txt -o alice.stp",
    )
    parser.add_argument("probe", metavar="PICTURE", help="new picture of the person")
    parser.add_argument("record", metavar="RECORD", help="the old record")
    add_key(parser)
    parser.add_argument(
        "--new-key", type=Path, metavar="KEY", help="key of the new record; --key if not given"
    )
    add_extractor(parser)
    parser.add_argument(
        "--revoked",
        type=Path,
        required=True,
        metavar="FILE",
        help="list to which the old record is added",
    )
    add_decision(
        parser, "change nothing, and exit with 1, if the score is not above this threshold"
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the new record")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the new record, then revoke the old one -> 0.

    After an interruption at any point, one of both is complete and not revoked. Raises StcError,
    OSError.
    """
    from stc.protection import Key

    if same_file(str(options.revoked), options.output):
        raise UsageError(f"{options.output} would be both the new record and the list")
    key = Key.load(options.key)
    new_key = key if options.new_key is None else Key.load(options.new_key)
    decision = Decision.of(options)
    record = read_record(options.record)
    # Before the lock is held, since the template takes a second.
    template = None
    if not _left_undone(options, record, key, new_key):
        extractor = open_extractor(options)
        with about(options.probe):
            template = template_of(options.probe, extractor, options)
    with locked(options.record):
        if options.record != "-":
            record = read_record(options.record)
        tags = _left_undone(options, record, key, new_key)
        if tags:
            line = f"record {record.label} had been renewed already; the old one is revoked now"
        elif template is None:
            raise StcError(f"{options.record} was renewed by another process in the meantime")
        else:
            line, tags = _write_new(options, decision, template, record, key, new_key)
        try:
            known = known_revoked(options.revoked)
            add_revoked(options.revoked, [tag for tag in tags if tag not in known])
        except OSError as error:
            raise StcError(
                f"{options.output} is the new record, but the old one could not be revoked: "
                f"{options.revoked}: {error.strerror}; resolve this and repeat the command"
            ) from error
    if not options.quiet:
        stream = sys.stderr if is_stdout(options.output) else sys.stdout
        print(shown(f"{options.output}: {line}"), file=stream)
    return 0


def _left_undone(
    options: argparse.Namespace, record: ProtectedTemplate, key: Key, new_key: Key
) -> list[bytes]:
    """The tags that an interrupted renewal did not revoke; [] if no new record exists yet.

    Raises RevokedError if the record is revoked, StcError for files that cannot be written.
    """
    from stc.protection import made_with, previous_tag

    check_list(options.revoked)
    revoked = known_revoked(options.revoked)
    if record.generation and new_key != key and made_with(new_key, [record])[0]:
        # This record has replaced the old one, which was made with the old key.
        tag = previous_tag(record, key)
        if tag not in revoked:
            return [tag]
    revoked.check(record)
    output = options.output
    if is_device(output):
        return []
    if same_file(options.record, output):
        check_replaceable(output)
        return []
    there = Path(output).exists()
    check_target(output, force=there)
    if there and not _is_renewal_in(output, record, new_key):
        raise OutputExistsError(f"{output} exists, and is no renewal of the record")
    return [record.tag] if there else []


def _is_renewal_in(name: str, record: ProtectedTemplate, key: Key) -> bool:
    """Whether a file holds a renewal of the record with the key."""
    from stc.protection import is_renewal

    try:
        return is_renewal(read_record(name), record, key)
    except StcError:
        return False


def _write_new(
    options: argparse.Namespace,
    decision: Decision,
    template: GroupedTemplate,
    record: ProtectedTemplate,
    key: Key,
    new_key: Key,
) -> tuple[str, list[bytes]]:
    """Write the new record to the disk -> the line to print and the tags to revoke.

    Raises StcError if the score is not above the threshold, or the record cannot be renewed.
    """
    from stc.protection import match, previous_tag, renew

    decision.check([record])
    made = renew(template, record, key, new_key)
    score = match(template, record, key)
    if decision.threshold is not None and not score > decision.threshold:
        raise StcError(
            f"the score of the picture and record {record.label} is {score:.4f}, not above the "
            "threshold: nothing is changed"
        )
    data, output = made.to_bytes(), options.output
    if is_device(output):
        write_atomically(output, data)
    else:
        if same_file(options.record, output):
            replace(output, data)
        else:
            write_atomically(output, data)
        sync_folder(output)
    about = f"record {made.label}, generation {made.generation}"
    line = f"{about}; score of the picture and the old record {score:.4f}"
    # Also the record before the old one: its renewal may have been interrupted before revocation.
    before = [previous_tag(record, key)] if record.generation else []
    return line, [*before, record.tag]
