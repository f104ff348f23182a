package windbg_test

import (
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/render/windbg"
)

// TestStack: k as published: x64 with frame numbers (dumpanalysis.org, crash
// dump analysis patterns, part 267), a line with its source (a CSDN article of
// 2017), x86 (The Old New Thing of 9 March 2011, whose debugger had no
// numbers yet), and what is not known.
func TestStack(t *testing.T) {
	for _, d := range []struct {
		s    windbg.ThreadStack
		want string
	}{
		{windbg.ThreadStack{Bits: 64, Frames: []windbg.StackFrame{
			{Base: 0xe4c0afe488, Return: 0x7ffecc888037, Place: "ntdll!NtWaitForMultipleObjects+0x14"},
			{Base: 0xe4c0afe490, Return: 0x7ffecc887f1e, Place: "KERNELBASE!WaitForMultipleObjectsEx+0x107"}}},
			" # Child-SP          RetAddr           Call Site\n" +
				"00 000000e4`c0afe488 00007ffe`cc888037 ntdll!NtWaitForMultipleObjects+0x14\n" +
				"01 000000e4`c0afe490 00007ffe`cc887f1e KERNELBASE!WaitForMultipleObjectsEx+0x107\n"},
		{windbg.ThreadStack{Bits: 64, Frames: []windbg.StackFrame{{Base: 0xeffc70, Return: 0x7ff652263c79, Place: "windbg!main+0x28", Source: `c:\users\jack\main.cpp @ 48`}}},
			" # Child-SP          RetAddr           Call Site\n" +
				"00 00000000`00effc70 00007ff6`52263c79 windbg!main+0x28 [c:\\users\\jack\\main.cpp @ 48]\n"},
		{windbg.ThreadStack{Bits: 32, Frames: []windbg.StackFrame{
			{Base: 0x1af118, Return: 0x773806a0, Place: "ntdll!KiFastSystemCallRet"},
			{Base: 0x1af11c, Return: 0x7735b18c, Place: "ntdll!ZwWaitForSingleObject+0xc"}}},
			" # ChildEBP RetAddr  \n" +
				"00 001af118 773806a0 ntdll!KiFastSystemCallRet\n" +
				"01 001af11c 7735b18c ntdll!ZwWaitForSingleObject+0xc\n"},
		{windbg.ThreadStack{Bits: 32, Frames: []windbg.StackFrame{
			{Base: 0x1af118, Return: 0x401000, Place: "a+0x1"}, {Base: 0x1af200, Return: 0x402000, Place: "a+0x2", Guessed: true}, {Unknown: true, Place: "a+0x3", Guessed: true}}},
			" # ChildEBP RetAddr  \n" +
				"00 001af118 00401000 a+0x1\n" +
				"WARNING: Stack unwind information not available. Following frames may be wrong.\n" +
				"01 001af200 00402000 a+0x2\n" +
				"02 ???????? ???????? a+0x3\n"},
	} {
		var b strings.Builder
		if err := windbg.WriteStack(&b, d.s); err != nil || b.String() != d.want {
			t.Errorf("%v\n%s\nwant\n%s", err, b.String(), d.want)
		}
	}
}

// TestThread: ~ as Microsoft's documentation shows it.
func TestThread(t *testing.T) {
	var b strings.Builder
	for _, x := range []windbg.Thread{
		{Bits: 32, Number: 0, Current: true, Crashed: true, Process: 0x1dc, ID: 0x1d8, Suspended: 1, TEB: 0x7ffde000},
		{Bits: 64, Number: 11, Crashed: true, Process: 0x324, ID: 0x458, Suspended: 1, TEB: 0x7fffffde000, Name: "press"},
	} {
		if err := windbg.WriteThread(&b, x); err != nil {
			t.Fatal(err)
		}
	}
	want := ".  0  Id: 1dc.1d8 Suspend: 1 Teb: 7ffde000 Unfrozen\n# 11  Id: 324.458 Suspend: 1 Teb: 000007ff`fffde000 Unfrozen \"press\"\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
