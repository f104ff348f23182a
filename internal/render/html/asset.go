package html

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
)

// The script, the style and the licences of what is bundled into them are
// made by `make web` from the sources in web/, and committed.
var (
	//go:embed asset/app.js
	script string
	//go:embed asset/app.css
	style string
	//go:embed asset/licences.txt
	licences string
)

// policy is the page's content-security policy: its own script and style, by
// their hashes, and nothing else from anywhere.
func policy() string {
	return "default-src 'none'; script-src '" + hash(script) + "'; style-src '" + hash(style) + "'; base-uri 'none'; form-action 'none'"
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
