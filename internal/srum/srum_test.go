package srum_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Velocidex/ordereddict"
	"www.velocidex.com/golang/go-ese/parser"

	"github.com/heapdump/heapdump/internal/srum"
	"github.com/heapdump/heapdump/internal/srum/srumtest"
)

const pageSize = 4096

func sample(t testing.TB) []byte {
	t.Helper()
	path, err := srumtest.Sample()
	if err != nil {
		t.Skip(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data []byte) *srum.DB {
	t.Helper()
	db, err := srum.Parse(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// dump is all rows of a table as text, in order.
func dump(t testing.TB, db *srum.DB, table string, columns []string) ([]string, srum.Coverage) {
	t.Helper()
	var out []string
	c, err := db.Rows(context.Background(), table, columns, func(v []srum.Value) {
		var b strings.Builder
		for _, x := range v {
			switch {
			case !x.Known:
				b.WriteString("- ")
			case !x.Time.IsZero():
				fmt.Fprintf(&b, "%d ", x.Time.Unix())
			case x.Bytes != nil:
				fmt.Fprintf(&b, "%x ", x.Bytes)
			default:
				fmt.Fprintf(&b, "%d ", x.Int)
			}
		}
		out = append(out, b.String())
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out, c
}

var wanted = map[string][]string{
	srum.AppResources: {"AutoIncId", "TimeStamp", "AppId", "UserId", "ForegroundCycleTime", "FaceTime", "BackgroundBytesWritten"},
	srum.NetworkData:  {"AutoIncId", "TimeStamp", "AppId", "InterfaceLuid", "BytesSent", "BytesRecvd"},
	srum.AppTimeline:  {"AutoIncId", "TimeStamp", "AppId", "EndTime", "DurationMS", "InFocusS", "UserInputS", "Cycles"},
	srum.AppIDs:       {"IdType", "IdIndex", "IdBlob"},
}

// TestAgainstLibrary: every cell of every row is what go-ese's own row reader
// says, but for what that reader gets wrong: NULL, of which it shows the fill,
// and seconds, which it cuts off instead of rounding.
func TestAgainstLibrary(t *testing.T) {
	data := sample(t)
	ese, err := parser.NewESEContext(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := parser.ReadCatalog(ese)
	if err != nil {
		t.Fatal(err)
	}
	db := parse(t, data)
	if db.State != srum.Clean || !db.Verified || db.PageSize != pageSize || db.Catalog.Damaged() {
		t.Errorf("%v, verified %v, pages of %d, catalogue %+v", db.State, db.Verified, db.PageSize, db.Catalog)
	}
	for table, rows := range map[string]int{srum.AppResources: 1778, srum.NetworkData: 255, srum.AppTimeline: 4038, srum.AppIDs: 1141} {
		var want []string
		nulls := 0
		if err := catalog.DumpTable(table, func(r *ordereddict.Dict) error {
			var b strings.Builder
			for _, c := range wanted[table] {
				v, ok := r.Get(c)
				switch s := fmt.Sprint(v); {
				case !ok || s == "707406378" || s == "3038287259199220266" || s == "":
					b.WriteString("- ")
					nulls++
				default:
					if at, ok := v.(time.Time); ok {
						s = fmt.Sprint((at.Unix() + 1) / 60 * 60) // the sample's times are whole minutes
					}
					b.WriteString(s + " ")
				}
			}
			want = append(want, b.String())
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		got, c := dump(t, db, table, wanted[table])
		if c.Damaged() || c.Rows != rows || len(got) != rows {
			t.Errorf("%s: %+v, %d rows are wanted", table, c, rows)
		}
		if !slices.Equal(got, want) {
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Errorf("%s: row %d is %s; the library says %s", table, i, got[i], want[i])
					break
				}
			}
		}
		if table == srum.AppTimeline && nulls < 1000 {
			t.Errorf("only %d cells are NULL: the timeline of the sample is full of them", nulls)
		}
	}
	apps, c, err := db.Apps(context.Background())
	if err != nil || c.Damaged() || len(apps) != 659+27+151-1 { // by IdType, but the one without a name
		t.Errorf("%d programs, %+v, %v", len(apps), c, err)
	}
}

// TestOtherDatabases: SRUDB.dat of other Windows are not at hand, but databases
// of other engines are: pages of 4, 16 and 32 KiB, clean and dirty, a catalogue
// of 2024. Each table has the rows that the library counts, but for deleted ones
// and for two tables of BITS: the headers of their only pages say 0x1002, which is
// tag 0 and one row, and in the high bits something else. The library takes it
// for 4,098 and counts what is left of rows that are no more.
func TestOtherDatabases(t *testing.T) {
	path, err := srumtest.Sample()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Dir(filepath.Dir(path))
	for _, x := range []struct {
		file     string
		pageSize uint64
		state    srum.State
		tables   int
		only     string // the one table to look at; empty for all
		deleted  int
	}{
		{"Samples/qmgr.db", 16384, srum.Dirty, 6, "", 0},
		{"Samples/WebCacheV01.dat", 32768, srum.Dirty, 7, "", 0},
		{"Samples/Windows.edb", 32768, srum.Clean, 38, "MSysObjects", 10},
		{"Sample_UAL/HyperV-PC/Current.mdb", pageSize, srum.Dirty, 8, "", 0},
	} {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(x.file)))
		if err != nil {
			t.Logf("%s is left out: %v", x.file, err)
			continue
		}
		db := parse(t, data)
		if db.PageSize != x.pageSize || db.State != x.state || db.Verified != (x.pageSize <= 8192) || db.Catalog.Damaged() {
			t.Errorf("%s: pages of %d, %v, verified %v, catalogue %+v", x.file, db.PageSize, db.State, db.Verified, db.Catalog)
		}
		ese, err := parser.NewESEContext(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		catalog, err := parser.ReadCatalog(ese)
		if err != nil || len(catalog.Tables.Keys()) != x.tables {
			t.Fatalf("%s: %d tables, %v", x.file, len(catalog.Tables.Keys()), err)
		}
		deleted := 0
		for _, table := range catalog.Tables.Keys() {
			if x.only != "" && table != x.only {
				continue
			}
			want := 0
			if err := catalog.DumpTable(table, func(*ordereddict.Dict) error { want++; return nil }); err != nil {
				t.Fatal(err)
			}
			got, c := dump(t, db, table, nil)
			if x.file == "Samples/qmgr.db" && (table == "Jobs" || table == "Files") {
				want = 1
			}
			if !c.Present || c.Damaged() || len(got)+c.Deleted != want {
				t.Errorf("%s, %s: %d rows, and the library has %d; %+v", x.file, table, len(got), want, c)
			}
			deleted += c.Deleted
		}
		if deleted != x.deleted {
			t.Errorf("%s: %d deleted rows; %d are wanted", x.file, deleted, x.deleted)
		}
	}
}

// quiet runs f and fails when it prints to standard output.
func quiet(t *testing.T, f func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	done := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		done <- b
	}()
	defer func() {
		os.Stdout = old
		w.Close()
		if b := <-done; len(b) > 0 {
			t.Errorf("standard output got %q", b[:min(200, len(b))])
		}
	}()
	f()
}

// readAll reads all that is asked for; errors are answers too.
func readAll(t testing.TB, data []byte) (rows map[string][]string, coverage map[string]srum.Coverage) {
	t.Helper()
	rows, coverage = map[string][]string{}, map[string]srum.Coverage{}
	db, err := srum.Parse(context.Background(), data)
	if err != nil {
		return
	}
	for table, columns := range wanted {
		rows[table], coverage[table] = dump(t, db, table, columns)
	}
	if _, _, err := db.Apps(context.Background()); err != nil {
		t.Error(err)
	}
	return
}

// TestDamage: of a file with some of its bytes changed, or cut, there is never
// a row that the whole file has not, and what is missing is told.
func TestDamage(t *testing.T) {
	data := sample(t)
	whole, _ := readAll(t, data)
	known := map[string]map[string]bool{}
	for table, rows := range whole {
		known[table] = map[string]bool{}
		for _, r := range rows {
			known[table][r] = true
		}
	}
	judge := func(what string, damaged []byte) (lost int) {
		rows, coverage := readAll(t, damaged)
		for table := range wanted {
			for _, r := range rows[table] {
				if !known[table][r] {
					t.Errorf("%s: %s has a row that is not there: %s", what, table, r)
					return
				}
			}
			n := len(whole[table]) - len(rows[table])
			if lost += n; n > 0 && coverage[table].Present && !coverage[table].Damaged() {
				t.Errorf("%s: %s lacks %d rows and says nothing of it", what, table, n)
			}
		}
		return lost
	}
	quiet(t, func() {
		lost := 0
		for i := range 25 {
			n := len(data) * i / 25
			lost += judge(fmt.Sprintf("cut at %d", n), data[:n])
		}
		if lost == 0 {
			t.Error("no cut lost a row")
		}
		// A byte in every third page that the file header is not in, so that every
		// table loses pages of its own.
		flipped := slices.Clone(data)
		for p := 2; p < len(data)/pageSize; p += 3 {
			flipped[p*pageSize+p*61%pageSize] ^= 1 << (p % 8)
		}
		if lost := judge("a bit in every third page", flipped); lost < 500 {
			t.Errorf("only %d rows were lost", lost)
		}
	})
}

// seal gives page n a checksum that agrees with its bytes, so that what else is
// wrong with it is looked at.
func seal(data []byte, n int) {
	p := data[(n+1)*pageSize : (n+2)*pageSize]
	sum := uint32(n)
	for i := 8; i < pageSize; i += 4 {
		sum ^= binary.LittleEndian.Uint32(p[i:])
	}
	binary.LittleEndian.PutUint32(p, sum)
}

// The root of the resource table in the sample, and its object.
const rootResources, objectResources = 111, 21

// TestSealedDamage: damage that the checksum covers up. A cycle of pages ends, a
// page of another table is refused, and so are rows that do not add up.
func TestSealedDamage(t *testing.T) {
	data := sample(t)
	columns := wanted[srum.AppResources]
	all, _ := dump(t, parse(t, data), srum.AppResources, columns)
	leaf := func(d []byte) int { // the first leaf of the table
		for n := 1; n < len(d)/pageSize-1; n++ {
			p := d[(n+1)*pageSize:]
			if binary.LittleEndian.Uint32(p[24:]) == objectResources && p[36]&0xe3 == 2 && n != rootResources {
				return n
			}
		}
		t.Fatal("no leaf")
		return 0
	}
	at := func(d []byte, n int) []byte { return d[(n+1)*pageSize : (n+2)*pageSize] }
	for _, x := range []struct {
		name   string
		change func(d []byte, n int)
		why    string // empty: nothing is lost
	}{
		{"a leaf whose next is itself", func(d []byte, n int) { binary.LittleEndian.PutUint32(at(d, n)[20:], uint32(n)) }, ""},
		{"a leaf whose next is the root", func(d []byte, n int) { binary.LittleEndian.PutUint32(at(d, n)[20:], rootResources) }, ""},
		{"a leaf whose next is beyond the file", func(d []byte, n int) { binary.LittleEndian.PutUint32(at(d, n)[20:], 0xfffffffe) }, "beyond the end"},
		{"a leaf of another object", func(d []byte, n int) { binary.LittleEndian.PutUint32(at(d, n)[24:], 12) }, "belongs to object 12"},
		{"a leaf with a node that is too long", func(d []byte, n int) { binary.LittleEndian.PutUint16(at(d, n)[pageSize-8:], 0x1fff) }, "beyond its end"},
		{"a leaf with more tags than fit", func(d []byte, n int) { binary.LittleEndian.PutUint16(at(d, n)[34:], 0xffff) }, "page "},
	} {
		d := slices.Clone(data)
		n := leaf(d)
		x.change(d, n)
		seal(d, n)
		quiet(t, func() {
			got, c := dump(t, parse(t, d), srum.AppResources, columns)
			if x.why == "" && (c.Damaged() || !slices.Equal(got, all)) {
				t.Errorf("%s: %d rows of %d, %+v", x.name, len(got), len(all), c)
			}
			if x.why != "" && !strings.Contains(c.Why, x.why) {
				t.Errorf("%s: %+v", x.name, c)
			}
		})
	}
	// A row that says that it has a column less than its bytes are for.
	d := slices.Clone(data)
	n := leaf(d)
	p := at(d, n)
	tag := binary.LittleEndian.Uint32(p[pageSize-8:])
	row := p[40+int(tag>>16&0x1fff):]
	key := 0
	if tag>>29&4 != 0 {
		key = 2
	}
	key += 2 + int(binary.LittleEndian.Uint16(row[key:])&0x1fff)
	row[key]--
	seal(d, n)
	got, c := dump(t, parse(t, d), srum.AppResources, columns)
	if c.BadRows != 1 || len(got) != len(all)-1 || !strings.Contains(c.Why, "1 rows do not fit") {
		t.Errorf("a row with a column less: %d rows, %+v", len(got), c)
	}
}

// TestCatalogCopy: the catalogue's root is damaged, and the copy has all tables;
// without both there is none.
func TestCatalogCopy(t *testing.T) {
	data := slices.Clone(sample(t))
	all, _ := dump(t, parse(t, data), srum.AppTimeline, wanted[srum.AppTimeline])
	data[5*pageSize+100] ^= 1
	db := parse(t, data)
	got, c := dump(t, db, srum.AppTimeline, wanted[srum.AppTimeline])
	if !db.Copied || !strings.Contains(db.Catalog.Why, "page 4 has another checksum") || c.Damaged() || !slices.Equal(got, all) {
		t.Errorf("copied %v, %+v; %d rows of %d, %+v", db.Copied, db.Catalog, len(got), len(all), c)
	}
	data[25*pageSize+100] ^= 1
	db = parse(t, data)
	if _, c = dump(t, db, srum.AppTimeline, nil); db.Copied || !db.Catalog.Damaged() || c.Present {
		t.Errorf("copied %v, %+v, %+v", db.Copied, db.Catalog, c)
	}
}

// TestDeleted: a node that is marked as deleted is no row.
func TestDeleted(t *testing.T) {
	data := slices.Clone(sample(t))
	const root = 95 // of the network table
	all, _ := dump(t, parse(t, data), srum.NetworkData, wanted[srum.NetworkData])
	for n := 1; n < len(data)/pageSize-1; n++ {
		p := data[(n+1)*pageSize : (n+2)*pageSize]
		if binary.LittleEndian.Uint32(p[24:]) == 18 && p[36]&0xe3 == 2 && n != root {
			p[pageSize-8+3] |= 0x40 // fNDDeleted of the first row's tag
			seal(data, n)
			break
		}
	}
	got, c := dump(t, parse(t, data), srum.NetworkData, wanted[srum.NetworkData])
	if len(got) != len(all)-1 || c.Damaged() || c.Deleted != 1 {
		t.Errorf("%d rows of %d, %+v", len(got), len(all), c)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	odd := make([]byte, pageSize)
	binary.LittleEndian.PutUint32(odd[4:], 0x89abcdef)
	binary.LittleEndian.PutUint32(odd[236:], 3000)
	for _, x := range []struct {
		path, want string
		notESE     bool
	}{
		{dir, "it is a directory", false},
		{filepath.Join(dir, "none"), `no such file; copy C:\Windows`, false},
		{write("empty", nil), "0 bytes are too few", true},
		{write("text", bytes.Repeat([]byte("heap"), 200)), "the signature is 0x70616568", true},
		{write("odd", odd), "page size", true},
	} {
		_, err := srum.Open(context.Background(), x.path)
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.HasPrefix(err.Error(), x.path) || errors.Is(err, srum.ErrNotESE) != x.notESE {
			t.Errorf("%s: %v", x.path, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := srum.Parse(ctx, sample(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFileTime(t *testing.T) {
	// 132780705000003158 stands in the sample beside a TimeStamp of 08:55.
	at, ok := srum.FileTime(132780705000003158)
	if want := time.Date(2021, 10, 7, 8, 55, 0, 315800, time.UTC); !ok || !at.Equal(want) {
		t.Errorf("%v %v", at, ok)
	}
	for _, n := range []int64{0, -1, 1, 1 << 62} {
		if at, ok := srum.FileTime(n); ok {
			t.Errorf("%d is %v", n, at)
		}
	}
}

// FuzzSRUM changes bytes of the sample; with an empty file, of a header alone.
func FuzzSRUM(f *testing.F) {
	data := make([]byte, 8*pageSize)
	binary.LittleEndian.PutUint32(data[4:], 0x89abcdef)
	binary.LittleEndian.PutUint32(data[236:], pageSize)
	if path, err := srumtest.Sample(); err == nil {
		if data, err = os.ReadFile(path); err != nil {
			f.Fatal(err)
		}
		data = data[:192*pageSize] // with the roots of all tables, and links to pages that are cut off
	}
	f.Add([]byte{}, uint32(len(data)))
	f.Add([]byte{5, 0, 22, 0, 0xff, 0xff}, uint32(len(data)))
	f.Add([]byte{112, 0, 20, 0, 111, 0, 112, 0, 24, 0, 12, 0}, uint32(len(data)))
	f.Fuzz(func(t *testing.T, changes []byte, size uint32) {
		d := slices.Clone(data[:min(int(size), len(data))])
		for ; len(changes) >= 6; changes = changes[6:] { // page, offset, word; sealed again
			p, at := int(binary.LittleEndian.Uint16(changes)), int(binary.LittleEndian.Uint16(changes[2:]))
			if i := p*pageSize + at%(pageSize-1); (p+1)*pageSize <= len(d) {
				copy(d[i:i+2], changes[4:6])
				if p >= 2 {
					seal(d, p-1)
				}
			}
		}
		db, err := srum.Parse(context.Background(), d)
		if err != nil {
			return
		}
		for table, columns := range wanted {
			rows := 0
			c, err := db.Rows(context.Background(), table, columns, func([]srum.Value) { rows++ })
			if err != nil || c.Rows != rows || c.Pages > len(d)/pageSize {
				t.Errorf("%v: %d rows, %+v", err, rows, c)
			}
		}
		if _, _, err := db.Apps(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
