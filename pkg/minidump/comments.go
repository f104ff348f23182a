package minidump

import "bytes"

// Comments returns the texts of the CommentA and CommentW streams, in this
// order, those that the dump has; procdump and WinDbg write why the dump was
// made. CommentA is in the writer's code page; what is no UTF-8 in it becomes
// U+FFFD.
func (f *File) Comments() []string {
	var out []string
	if b, ok := f.Raw(CommentStreamA); ok {
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		if len(b) > 0 {
			out = append(out, string(bytes.ToValidUTF8(b, []byte("\ufffd"))))
		}
	}
	if b, ok := f.Raw(CommentStreamW); ok {
		if s := upToZero(b); s != "" {
			out = append(out, s)
		}
	}
	return out
}
