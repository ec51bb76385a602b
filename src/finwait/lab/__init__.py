"""The lab: every closing on a real kernel, with the kernel's own word for it.

An experiment (`experiment`, `experiments/`) is a story of two programs, told call by call in a `world`. `programs` plays them with
real sockets in real processes (`calls`, told what to do by `remote`), each in a namespace of its own (`netns`), on a `wire` that can
lose, hold, reorder and invent packets. A wire with what both kernels say of it is a `leg`; a `proxy` stands between two of them, and
`travel` shows how a close passes it. `lines` waits for everything at once. `kernel_words` (tracefs) and `sockets` (sock_diag) note what the kernel says meanwhile, `history` puts it together,
`judge` compares expectation, wire and kernel, `beside` puts each word beside its packet. `play` does all that for one
experiment, `run` for many, each in a process of its own, and `janitor` sweeps up after them.

`net`, `stub` (one kernel, and we are the other end) and `cable` (two kernels and a veth pair, captured by tcpdump) are more nets to
experiment on; `packet` builds and parses TCP over IP, `record` keeps frames.
"""
