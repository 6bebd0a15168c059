"""What to type where a library of one of the extras is missing."""

DISTRIBUTION = "stc-face-codec"  # on the package index, where `stc` is a package of somebody else


def install_hint(extra: str) -> str:
    """The command that installs an extra of this package, for messages and help.

    >>> install_hint("qr")
    "pip install 'stc-face-codec[qr]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
