"""The codec over HTTP: pictures in, bytes out, and back. Needs pip install 'stc[serve]'."""

from stc.service.app import create_app
from stc.service.work import Limits

__all__ = ["Limits", "create_app"]
