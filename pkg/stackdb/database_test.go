package stackdb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/heapdump/heapdump/internal/synth"
	"github.com/heapdump/heapdump/pkg/memory"
	"github.com/heapdump/heapdump/pkg/stackdb"
)

// layoutOf is the name of the layout that a family's database has.
func layoutOf(k kind) string {
	switch {
	case k.family == synth.XP && k.arch == synth.X64:
		return "2003-x64"
	case k.family == synth.XP:
		return "xp-x86"
	case k.family == synth.Vista:
		return "vista-" + k.arch.String()
	}
	return "win7-" + k.arch.String()
}

func TestDatabase(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.String(), func(t *testing.T) {
			img := synth.NewImage(k.arch)
			all := stacks(300)
			b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: all}).Build(img)
			img.Commit(0x10000, 0x1000, synth.PageReadWrite) // another reservation before it
			s := space(t, img)
			d, err := stackdb.Locate(s, k.reader(s), stackdb.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if d.Layout != layoutOf(k) || d.Address != dbAt || d.EntriesAdded != 300 || d.EntriesLookedUp != 907 || d.Buckets != 137 ||
				d.Region != memory.Addr(dbAt).Span(0x100000) || uint64(d.EntryIndexArray) != b.Index {
				t.Errorf("%+v", d)
			}
			for i, want := range all {
				tr, err := d.Trace(uint32(i + 1))
				if err != nil || !equal(tr.Frames, want) || uint64(tr.At) != b.Entries[i] || tr.Index != uint32(i+1) || tr.Count != 2 || tr.Depth != stackdb.DepthField {
					t.Fatalf("Trace(%d): %+v %v, want %x", i+1, tr, err, want)
				}
				if uint64(tr.BackTrace) != b.Entries[i]+k.arch.PtrSize()+8 || !d.Contains(tr.At) {
					t.Errorf("BackTrace %v of %v", tr.BackTrace, tr.At)
				}
			}
			for _, i := range []uint32{0, 301, 0xffffffff} {
				if _, err := d.Trace(i); !errors.Is(err, stackdb.ErrNoTrace) {
					t.Errorf("Trace(%d): %v", i, err)
				}
			}
			d, err = stackdb.Locate(s, k.reader(s), stackdb.Query{Traces: []memory.Addr{memory.Addr(b.Entries[7])}})
			if err != nil || d.Address != dbAt || !strings.Contains(d.Found, "stack trace pointers") {
				t.Errorf("by traces: %+v %v", d, err)
			}
		})
	}
}

// TestDatabaseByPointer has the header where no reservation begins, and a
// pointer to it in data.
func TestDatabaseByPointer(t *testing.T) {
	for _, k := range kinds() {
		img := synth.NewImage(k.arch)
		(&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: stacks(20)}).Build(img)
		img.PutPtr(0x7710200c&^7, dbAt)
		img.PutPtr(0x77102008+8, 0x77102000)
		var c memory.Contents
		for _, r := range img.Runs() {
			if r.Addr == dbAt {
				r.Addr, r.Data = dbAt-0x1000, append(make([]byte, 0x1000), r.Data...)
			}
			c.Runs = append(c.Runs, memory.Run{Start: memory.Addr(r.Addr), Bytes: r.Data})
		}
		s := memory.NewSpace(c)
		if _, err := stackdb.Locate(s, k.reader(s), stackdb.Query{}); !errors.Is(err, stackdb.ErrNoDatabase) {
			t.Errorf("%v: found without a way to it: %v", k, err)
		}
		d, err := stackdb.Locate(s, k.reader(s), stackdb.Query{Data: []memory.Range{memory.Addr(0x77102001).Span(0x500)}})
		if err != nil || d.Address != dbAt {
			t.Errorf("%v: %+v %v", k, d, err)
			continue
		}
		if tr, err := d.Trace(20); err != nil || len(tr.Frames) != 20 {
			t.Errorf("%v: %+v %v", k, tr, err)
		}
	}
}

// TestDatabaseDamage breaks one fact of the header at a time: none of them
// leaves a database, and the error says why.
func TestDatabaseDamage(t *testing.T) {
	for _, k := range kinds() {
		for _, d := range []struct {
			field string
			v     uint64
		}{
			{"CommitBase", 0}, {"CommitBase", 0x7fffffff}, {"CurrentLowerCommitLimit", 0x1000}, {"CurrentUpperCommitLimit", 0x1000},
			{"NextFreeLowerMemory", 0x7ffffff0}, {"NextFreeUpperMemory", 0x7ffffff0}, {"NextFreeUpperMemory", 0x10}, {"EntryIndexArray", 0x7ffffff1},
			{"NumberOfEntriesAdded", 0xffffffff}, {"NumberOfEntriesAdded", 0x100000}, {"NumberOfBuckets", 0}, {"NumberOfBuckets", 0xffffffff}, {"Buckets", 0x41414141},
		} {
			img := synth.NewImage(k.arch)
			b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: stacks(20)}).Build(img)
			b.Set(d.field, d.v)
			s := space(t, img)
			if db, err := stackdb.Locate(s, k.reader(s), stackdb.Query{}); !errors.Is(err, stackdb.ErrNoDatabase) {
				t.Errorf("%v: %s %#x: %+v %v", k, d.field, d.v, db, err)
			}
		}
	}
}

// TestDatabaseMissing is a dump without the database's memory: nothing is
// guessed, and the error says what is missing.
func TestDatabaseMissing(t *testing.T) {
	for _, k := range kinds() {
		img := synth.NewImage(k.arch)
		b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: stacks(20)}).Build(img)
		at := memory.Addr(b.Entries[3])
		img.DropRange(dbAt, 0x100000)
		s := space(t, img)
		_, err := stackdb.Locate(s, k.reader(s), stackdb.Query{Traces: []memory.Addr{at}})
		if !errors.Is(err, stackdb.ErrNoDatabase) || !strings.Contains(err.Error(), "not saved in the dump") {
			t.Errorf("%v: %v", k, err)
		}
		if _, err := k.reader(s).Trace(at); !errors.Is(err, memory.ErrMissing) {
			t.Errorf("%v: %v", k, err)
		}
	}
}

// TestDatabaseSlots smashes a slot of the index and an entry's own index.
func TestDatabaseSlots(t *testing.T) {
	for _, k := range kinds() {
		img := synth.NewImage(k.arch)
		b := (&synth.TraceDB{Address: dbAt, Family: k.family, Arch: k.arch, Stacks: stacks(20)}).Build(img)
		w := k.arch.PtrSize()
		img.PutPtr(b.Index-3*w, 0x41414141)
		img.PutU16(b.Entries[4]+w+4, 6)
		img.PutPtr(b.Entries[9]+w+8+2*w, 0x1234)
		s := space(t, img)
		d, err := stackdb.Locate(s, k.reader(s), stackdb.Query{})
		if err != nil {
			t.Fatal(k, err)
		}
		for i := uint32(1); i <= 20; i++ {
			_, err := d.Trace(i)
			if bad := i == 3 || i == 5 || i == 10; bad != errors.Is(err, stackdb.ErrNoTrace) || !bad && err != nil {
				t.Errorf("%v: Trace(%d): %v", k, i, err)
			}
		}
	}
}
