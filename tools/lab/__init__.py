"""Real kernels on a wire that we hold in our hands.

`netns`    private network namespaces and TUN or TAP devices in them
`packet`   TCP over IP, built and parsed, with checksums
`record`   the frames of an experiment, written as pcap or pcapng
`trace`    what the kernel says meanwhile: state changes and reasons of resets
`truth`    what is known about each connection because of how it was made
`net`      three nets to experiment on: `Wire` (two kernels, every packet passes through our
           hands), `Stub` (one kernel, and we are the other end) and `Cable` (two kernels and a
           plain veth pair, captured as tcpdump would)

Needs root, iproute2 and a Linux kernel with namespaces, veth and TUN. Nothing leaves the
namespaces, and they vanish with the process.
"""
