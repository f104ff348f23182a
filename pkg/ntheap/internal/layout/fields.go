package layout

// Fields returns the fields of every structure of a family's file by name;
// nil when there is no such family.
func Fields(family string) map[string]map[string]Field {
	text, err := files.ReadFile(family + ".txt")
	if err != nil {
		return nil
	}
	_, structs, err := scan(family, string(text))
	if err != nil {
		return nil
	}
	out := map[string]map[string]Field{}
	for _, s := range structs {
		out[s.name] = make(map[string]Field, len(s.fields))
		for _, f := range s.fields {
			out[s.name][f.name] = f.Field
		}
	}
	return out
}
