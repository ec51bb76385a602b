"""Where a script plays: on our own endpoint in virtual time (`model`), or on a real kernel over TUN (`kernel`)."""
