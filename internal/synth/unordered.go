package synth

// UnorderedMap is a std::unordered_map of Microsoft's library (its published
// headers, since Visual Studio 2010, no iterator debugging): the object is at
// Object, the list's end mark at Head, its elements at Nodes in the list's
// order, and 2 pointers for each bucket at Array.
type UnorderedMap struct {
	Object, Head, Array uint64
	Nodes               []uint64
	Buckets             int   // a power of two
	In                  []int // of each node the bucket, in rising order of first use; nil puts three nodes in each
}

// Bytes is the size of the object: a maximum load, the list's end mark and
// length, three pointers, and two numbers.
func (UnorderedMap) Bytes(a Arch) uint64 { return 8 * a.PtrSize() }

// Put writes the map.
func (m UnorderedMap) Put(img *Image, a Arch) {
	w := a.PtrSize()
	words := func(at uint64, values ...uint64) {
		for i, v := range values {
			img.PutPtr(at+uint64(i)*w, v)
		}
	}
	end := m.Array + 2*uint64(m.Buckets)*w
	img.PutU32(m.Object, 0x3f800000) // 1.0
	words(m.Object+w, m.Head, uint64(len(m.Nodes)), m.Array, end, end, uint64(m.Buckets-1), uint64(m.Buckets))
	ring := append([]uint64{m.Head}, m.Nodes...)
	for i, at := range ring {
		words(at, ring[(i+1)%len(ring)], ring[(i+len(ring)-1)%len(ring)])
	}
	for k := range m.Buckets {
		words(m.Array+2*uint64(k)*w, m.Head, m.Head)
	}
	for i, at := range m.Nodes {
		k := i / 3
		if m.In != nil {
			k = m.In[i]
		}
		bucket := m.Array + 2*uint64(k)*w
		if i == 0 || m.In != nil && m.In[i-1] != k || m.In == nil && i%3 == 0 {
			words(bucket, at)
		}
		words(bucket+w, at)
	}
}
