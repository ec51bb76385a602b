"""The lab: every closing on a real kernel, with the kernel's own word for it.

An experiment (`experiments/`) is a story of two programs, told call by call; `programs` plays it with real sockets in
real processes, each in a namespace of its own, on a wire that can lose, hold, reorder and invent packets (`wire`).
`kernel_words` and `sockets` note what the kernel says meanwhile, `judge` compares: expected, from the wire, from the kernel.
"""
