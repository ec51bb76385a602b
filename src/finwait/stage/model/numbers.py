"""Linux's numbers that the model needs, whatever system it runs on: asm-generic headers, include/uapi/linux.

On every stage a script speaks Linux's numbers (`stage.py`); Python's `errno` and `socket` would give those of the machine.
"""

from typing import Final

ERRNO: Final = {
    "EPERM": 1,
    "ENOENT": 2,
    "EINTR": 4,
    "EBADF": 9,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EACCES": 13,
    "EFAULT": 14,
    "EEXIST": 17,
    "EINVAL": 22,
    "ENOTTY": 25,
    "ESPIPE": 29,
    "EPIPE": 32,
    "ENOSYS": 38,
    "EPROTO": 71,
    "ENOTSOCK": 88,
    "EDESTADDRREQ": 89,
    "EMSGSIZE": 90,
    "ENOPROTOOPT": 92,
    "EPROTONOSUPPORT": 93,
    "ESOCKTNOSUPPORT": 94,
    "EOPNOTSUPP": 95,
    "EAFNOSUPPORT": 97,
    "EADDRINUSE": 98,
    "EADDRNOTAVAIL": 99,
    "ENETUNREACH": 101,
    "ECONNABORTED": 103,
    "ECONNRESET": 104,
    "ENOBUFS": 105,
    "EISCONN": 106,
    "ENOTCONN": 107,
    "ETIMEDOUT": 110,
    "ECONNREFUSED": 111,
    "EHOSTUNREACH": 113,
    "EALREADY": 114,
    "EINPROGRESS": 115,
}
"""Name → number (errno-base.h, errno.h)."""

# socket.h, in.h
AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
SOCK_STREAM, SOCK_DGRAM = 1, 2
SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_TYPES = 0o4000, 0o2000000, 0xF
IPPROTO_TCP, IPPROTO_UDP = 6, 17
SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2

# socket.h
MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR = 0x1, 0x2, 0x20, 0x40, 0x80
MSG_WAITALL, MSG_ERRQUEUE, MSG_MORE = 0x100, 0x2000, 0x8000
MSG_ZEROCOPY, MSG_FASTOPEN = 0x4000000, 0x20000000
SCM_TIMESTAMPING: Final = 37

# fcntl.h
O_RDWR, O_NONBLOCK = 0o2, 0o4000
F_GETFD, F_SETFD, F_GETFL, F_SETFL = 1, 2, 3, 4

# ioctls.h, sockios.h
FIONREAD, FIONBIO, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK = 0x541B, 0x5421, 0x5411, 0x894B, 0x8905

# poll.h, eventpoll.h
POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
POLLRDNORM, POLLWRNORM, POLLRDHUP = 0x40, 0x100, 0x2000
EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD = 1, 2, 3
EPOLLET, EPOLLONESHOT = 1 << 31, 1 << 30

# socket.h, in.h, in6.h, tcp.h
SOL_IP, SOL_SOCKET, SOL_TCP, SOL_UDP, SOL_IPV6 = 0, 1, 6, 17, 41
SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_LINGER = 3, 4, 7, 8, 13
SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, SO_ZEROCOPY = 30, 38, 39, 60
TCP_INQ: Final = 36
"""Also the type of its control message (TCP_CM_INQ)."""

TCP_STATES: Final = {
    "ESTABLISHED": 1,
    "SYN-SENT": 2,
    "SYN-RECEIVED": 3,
    "FIN-WAIT-1": 4,
    "FIN-WAIT-2": 5,
    "TIME-WAIT": 6,
    "CLOSED": 7,
    "CLOSE-WAIT": 8,
    "LAST-ACK": 9,
    "LISTEN": 10,
    "CLOSING": 11,
}
"""enum in tcp_states.h."""
