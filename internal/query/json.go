package query

import "github.com/llama-logs/llama"

// jsonArray writes texts as a JSON array of strings.
func jsonArray(list []string) string {
	dst := []byte{'['}
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = llama.AppendString(dst, s)
	}
	return string(append(dst, ']'))
}

// jsonObject writes the fields of a row that have a text, all as strings.
func jsonObject(row Row) string {
	dst := []byte{'{'}
	for _, f := range row {
		if f.Value == "" {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = llama.AppendString(dst, f.Name)
		dst = append(dst, ':')
		dst = llama.AppendString(dst, f.Value)
	}
	return string(append(dst, '}'))
}

// kindOf returns Number for the text of a JSON number and String for others.
func kindOf(s string) llama.Kind {
	if llama.IsNumber(s) {
		return llama.Number
	}
	return llama.String
}
