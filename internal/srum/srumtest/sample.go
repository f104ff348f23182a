// Package srumtest finds the real SRUDB.dat for tests: the one that go-ese
// brings with it for its own. It is not copied here.
package srumtest

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"

	"www.velocidex.com/golang/go-ese/parser"
)

// Sample returns the path of a SRUDB.dat of Windows 10 (October 2021), or why it
// is not to be had: the module is vendored or was fetched without its tests'
// data, or the test was built with -trimpath.
func Sample() (path string, err error) {
	source, _ := runtime.FuncForPC(reflect.ValueOf(parser.NewESEContext).Pointer()).FileLine(0)
	path = filepath.Join(filepath.Dir(filepath.Dir(source)), "testdata", "SRUM", "SRUDB.dat")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("go-ese's SRUDB.dat is not in the module cache: %w", err)
	}
	return path, nil
}
