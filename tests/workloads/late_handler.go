// A loop of its own in Go, as some servers have beside the runtime's: it waits once, and then its handler stays away.
//
//	late_handler spin | read
package main

import (
	"os"
	"runtime"
	"syscall"
)

var turns int

//go:noinline
func handleEvent(way string) {
	if way == "read" {
		ends := make([]int, 2)
		syscall.Pipe(ends)
		syscall.Read(ends[0], make([]byte, 1))
	}
	for {
		turns++
	}
}

//go:noinline
func serveLoop(instance int, way string) {
	syscall.EpollWait(instance, make([]syscall.EpollEvent, 1), 0)
	os.Stdout.WriteString("away\n")
	handleEvent(way)
	turns++
}

func main() {
	runtime.LockOSThread()
	instance, _ := syscall.EpollCreate1(0)
	serveLoop(instance, os.Args[1])
	turns++
}
