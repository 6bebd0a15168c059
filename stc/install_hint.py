"""The install command to show when a library of an optional extra is missing."""

DISTRIBUTION = "stc-face-codec"  # on the package index, where `stc` is another project


def install_hint(extra: str) -> str:
    """Return the command that installs an extra of this package, for messages and help.

    >>> install_hint("qr")
    "pip install 'stc-face-codec[qr]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
