package synth

// chain chains the free slots of a container of XP's or 2003's, the odd ones
// before the even ones: the subsegment's FreeEntryOffset is the first one's
// distance from the UserBlocks in units, and each has the next one's in front
// of its user data.
func (c *Container) chain() {
	link := c.FieldAddr("Depth") + 2
	for odd := 1; odd >= 0; odd-- {
		for i := odd; i < len(c.Slots); i += 2 {
			if !c.Slots[i].Busy {
				c.lfh.Heap.Image.PutU16(link, c.SlotOffset(i))
				link = c.FreeLink(i)
			}
		}
	}
	c.lfh.Heap.Image.PutU16(link, 0xffff)
}

// SlotOffset is slot i's distance from the UserBlocks in units.
func (c *Container) SlotOffset(i int) uint16 {
	return uint16((c.Slot(i) - c.UserBlocks) / c.lfh.Arch.Unit())
}

// FreeLink is where a free slot has the next one's offset.
func (c *Container) FreeLink(i int) uint64 { return c.Slot(i) + c.lfh.Arch.Unit() }

// writeOldSlot writes a slot of XP's or 2003's. Nothing public says what its
// Flags are, so they say nothing here.
func (c *Container) writeOldSlot(i int, raw [8]byte) {
	l, s := c.lfh, c.Slots[i]
	raw[5], raw[6], raw[7] = uint8(37*i), uint8(min(c.stride()-s.Size, 0xff)), uint8(101*i)
	l.Heap.Image.Write(headerAt(l.Arch, c.Slot(i)), raw[:])
	if s.Content != nil {
		l.Heap.Image.Write(c.user(i), s.Content)
	}
}
