"""Makes the captures that the tests are held to: experiments on real kernels, with nets of `finwait.lab`.

`truth`        what is known about each connection because of how it was made
`notebook`     runs experiments and writes down what came of them
`experiments`  the experiments themselves

Needs root, iproute2, tcpdump and a Linux kernel with namespaces, veth and TUN.
"""
