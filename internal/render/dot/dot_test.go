package dot_test

import (
	"os"

	"github.com/heapdump/heapdump/internal/render/dot"
)

func ExampleWrite() {
	err := dot.Write(os.Stdout, []dot.Node{{ID: "r", Lines: []string{`a "root"`}, Root: true}, {ID: "b", Lines: []string{"0x10", "C:\\x\x1b"}, Mark: true}},
		[]dot.Edge{{From: "r", To: "b", Label: "+0x8", Dashed: true}})
	if err != nil {
		panic(err)
	}
	// Output:
	// digraph refs {
	//   rankdir=LR;
	//   node [shape=box, fontname="monospace"];
	//   "r" [label="a \"root\"", shape=ellipse];
	//   "b" [label="0x10\nC:\\x\\x1b", style=bold];
	//   "r" -> "b" [label="+0x8", style=dashed];
	// }
}
