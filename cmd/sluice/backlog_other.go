//go:build !unix

package main

import "net"

// backlog takes the connections that the kernel has made for a listener and nobody has accepted yet, where the system can tell.
func backlog(*net.TCPListener) []net.Conn { return nil }
