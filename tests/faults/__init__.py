"""Faults between the client, a network and a server, made over real loopback sockets."""
