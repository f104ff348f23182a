// Package arch holds no code: its test says which package may import which,
// so that imports point one way. A new package needs a line there.
package arch
