"""Plays random closings on the real kernel and on our endpoint, and says where the two part.

A play says only what the peer sends and what the process calls, never what the stack should answer:
the kernel's answer is the truth. Positions are symbolic (at the left edge of what the stack wants, one
past what it sent, …) and become numbers from what the stack was seen to send, so one play means the
same on both stages.
"""
