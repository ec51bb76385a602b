"""Linux: private network namespaces, TUN devices, system calls and what sockets say of themselves."""
