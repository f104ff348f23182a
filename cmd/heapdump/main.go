// Command heapdump analyses the heaps in Windows crash dumps, offline.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/heapdump/heapdump/internal/cli"
	_ "github.com/heapdump/heapdump/internal/largeheap" // its effect is on the start
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}
