// Package column encodes and decodes one column of values, and defines the
// block, the form in which events lie in memory when they are searched.
package column
