package api

import (
	"slices"
	"strings"
)

// listing is what every list can be asked for.
type listing struct {
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"The most wanted."`
	After string `query:"after" maxLength:"256" doc:"next of the page before."`
	Match string `query:"match" maxLength:"200" doc:"Only those whose name holds this text; upper and lower case are the same."`
}

// pageOf cuts a list down to what was asked for. Its order is that of key, which is
// unique; next is empty at the end.
func pageOf[T any](l listing, all []T, key, name func(T) string) (some []T, next string) {
	match := strings.ToLower(l.Match)
	some = []T{}
	for _, item := range all {
		if key(item) > l.After && strings.Contains(strings.ToLower(name(item)), match) {
			some = append(some, item)
		}
	}
	slices.SortFunc(some, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	if len(some) <= l.Limit {
		return some, ""
	}
	some = some[:l.Limit:l.Limit]
	return some, key(some[len(some)-1])
}
