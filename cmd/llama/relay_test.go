package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// slowRelay is the program of a relay: FROM, TO, and the file that says how slow it is.
func slowRelay() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "slowrelay:", err)
		os.Exit(1)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		text, _ := os.ReadFile(os.Args[3])
		ms, _ := strconv.Atoi(strings.TrimSpace(string(text))) // nothing is no time
		go func() {
			defer conn.Close()
			up, err := net.Dial("tcp", os.Args[2])
			if err != nil {
				return
			}
			defer up.Close()
			var both sync.WaitGroup
			for _, way := range [][2]net.Conn{{conn, up}, {up, conn}} {
				both.Go(func() {
					slowly(way[0], way[1], time.Duration(ms)*time.Millisecond)
					conn.Close()
					up.Close()
				})
			}
			both.Wait()
		}()
	}
}

// slowly copies until either end is gone; each piece takes a while.
func slowly(to io.Writer, from io.Reader, while time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	var over atomic.Bool
	var writing sync.WaitGroup
	writing.Go(func() {
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				over.Store(true)
			}
		}
	})
	for !over.Load() {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if n > 0 {
			pieces <- piece{time.Now().Add(while), data[:n]}
		}
		if err != nil {
			break
		}
	}
	close(pieces)
	writing.Wait()
}
