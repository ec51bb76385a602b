"""Random connections between real sockets, and the same connections in captures that lack something."""
