// Package docs holds the texts that heapdump prints of its own documents: what
// docs/json.md says of a key is its description in heapdump schema, and the
// pages of docs/man are what heapdump man writes.
package docs

import "embed"

// JSON is docs/json.md.
//
//go:embed json.md
var JSON string

// Man is docs/man: a page for every command.
//
//go:embed man/*.1
var Man embed.FS
