"""Random connections on real sockets, and the kernel as the judge of what finwait says of them.

`plan` draws a connection from a seed, `crowd` is the wire that many share, `perform` plays it with real sockets, `truth` is what
the kernels said of it, `judge` compares. `spoil` makes worse captures of the same connections, `honest` judges those.
"""
