// Package docs holds the texts that heapdump prints of its own documents: what
// docs/json.md says of a key is its description in heapdump schema.
package docs

import _ "embed"

// JSON is docs/json.md.
//
//go:embed json.md
var JSON string
