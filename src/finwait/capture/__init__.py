"""Captures in, judged connections out.

`connection` is one judged connection and needs nothing; `connections` reads captures with the core.
"""
