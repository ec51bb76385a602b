"""The stage `model`: our own endpoint with a socket layer around it, in virtual time."""

from finwait.stage.model.model import Model, open_model

__all__ = ["Model", "open_model"]
