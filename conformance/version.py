"""The version and the date of the specification, as README.md states them."""

VERSION = "1.1"
DATE = "2026-11-27"
