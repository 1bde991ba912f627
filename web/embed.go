// Package web holds the page, built by Vite into dist and embedded in the binary.
// It serves nothing itself: api does, with the files of Dist.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist unbuilt
var files embed.FS

// Dist returns the files of the page, index.html at its root. Everything below
// assets/ has its content's hash in its name and may be cached forever. A binary
// built without Node has only an index.html that says how to build the rest.
func Dist() fs.FS { return page(files) }

// page returns the built page in all, or its stand-in.
func page(all fs.FS) fs.FS {
	folder := "dist"
	if _, err := fs.Stat(all, "dist/index.html"); err != nil {
		folder = "unbuilt"
	}
	sub, err := fs.Sub(all, folder)
	if err != nil { // only an invalid name fails, and these are constants
		panic("web: " + err.Error())
	}
	return sub
}
