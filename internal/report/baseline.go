package report

// KnownFinding is an entry of a baseline.
type KnownFinding struct {
	Fingerprint, Title, Reason string
	Expires                    string // the last day on which it counts; empty is never
	Expired                    bool
}

// KnownFigure is what a program had when the baseline was written.
type KnownFigure struct {
	Process string
	Busy    uint64 // bytes in use
}

// Baseline is the result of heapdump baseline show.
func Baseline(known []KnownFinding, figures []KnownFigure) *Document {
	doc := &Document{Title: "Baseline"}
	doc.add(fill(Table{Key: "findings", Title: "Known findings", Main: true, Empty: "none"}, []field[KnownFinding]{
		f("fingerprint", "Fingerprint", Text, func(k KnownFinding) any { return k.Fingerprint }),
		f("title", "", Text, func(k KnownFinding) any { return word(k.Title) }),
		f("reason", "Reason", Text, func(k KnownFinding) any { return k.Reason }),
		f("expires", "Last day", Text, func(k KnownFinding) any { return word(k.Expires) }),
		f("expired", "Expired", Yes, func(k KnownFinding) any { return k.Expired }),
	}, known), fill(Table{Key: "figures", Title: "Figures that growth is measured against"}, []field[KnownFigure]{
		f("process", "Program", Text, func(k KnownFigure) any { return k.Process }),
		f("busy_bytes", "Bytes in use", Bytes, func(k KnownFigure) any { return k.Busy }),
	}, figures))
	return doc
}
