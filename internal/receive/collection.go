package receive

import (
	"regexp"
	"strings"
)

const maxCollection = 64

// ValidCollection reports whether name can be that of a collection: 1 to 64 of
// a-z, 0-9, _, . and -, not starting with a dot.
func ValidCollection(name string) bool {
	if name == "" || len(name) > maxCollection || name[0] == '.' {
		return false
	}
	for i := range len(name) {
		if !collectionByte(name[i]) {
			return false
		}
	}
	return true
}

func collectionByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'
}

// CollectionName turns any text into a valid name: lower case, what cannot
// be becomes _, what is too long is cut. Of nothing it makes "unnamed".
func CollectionName(text string) string {
	if ValidCollection(text) {
		return text
	}
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && collectionByte(byte(r)) {
			return r
		}
		return '_'
	}, strings.ToLower(strings.TrimLeft(text, ".")))
	if name == "" {
		return "unnamed"
	}
	return name[:min(len(name), maxCollection)]
}

// dated is the date that Logstash and others put behind an index.
var dated = regexp.MustCompile(`[-_.]\d{4}[-.]\d{2}([-.]\d{2})?$`)

// indexCollection names the collection for an Elasticsearch index. An index a day
// is still one collection: its days are kept apart anyway.
func indexCollection(index string) string {
	if name := dated.ReplaceAllString(index, ""); name != "" {
		index = name
	}
	return CollectionName(index)
}
