package config

// Near returns the one of names that name was most likely meant to be, or "" when
// none is near: at most a third of its letters, and never more than three, differ.
func Near(name string, names []string) string {
	best, bestAt := "", min(3, max(1, len(name)/3))+1
	for _, candidate := range names {
		if at := distance(name, candidate, bestAt); at < bestAt {
			best, bestAt = candidate, at
		}
	}
	return best
}

// distance is the number of letters to insert, delete, change or swap with their
// neighbour to make b of a, or limit when it is that or more (the "optimal
// string alignment" distance). Long names are not compared.
func distance(a, b string, limit int) int {
	if len(a) > 100 || len(b) > 100 || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
