// Package refs says what keeps heap blocks alive: an index of the blocks in
// use, the references between them, the roots that they are reached from, and
// what is reached from none.
//
// The phases are types, so that nobody asks for reachability before there is
// a graph: [Blocks] → [Index] → [Graph] → [Reach].
//
// # What counts as a reference
//
// Every aligned word (4 bytes in 32-bit memory, 8 in 64-bit memory) of a block
// in use, or of a root, that is an address inside the user bytes of a block in
// use. Interior pointers count, and are told apart from those to the first
// byte. That is conservative: a number that happens to be such an address
// keeps a block, so what is called unreachable has no pointer anywhere that
// was looked at, and some blocks that nobody needs are not found. Pointers
// that a program packs, encodes (EncodePointer) or stores unaligned are not
// seen as such, but for the C runtimes' tables of atexit.
//
// No references are the heaps' own structures, free blocks and their links,
// what stands on a stack below its stack pointer, page heap's nodes and light
// headers, stack trace databases, and what a debug C runtime keeps: the links between its headers, and its pointers to
// the headers themselves.
//
// The package knows no owner of a block beyond the evidence that it is given,
// and no output.
package refs
