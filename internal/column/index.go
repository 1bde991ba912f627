package column

import "strings"

// common are bytes of messages, roughly from the most usual to less usual ones; those that
// are not among them are rarer.
const common = " eaotnirsl0dc1u.mpfg-h2:b3=4yv/5k698w7\"E,AS_IR"

// rarity ranks bytes: the higher, the rarer.
var rarity = func() (ranks [256]uint8) {
	for i := range ranks {
		ranks[i] = uint8(len(common))
	}
	for i := range len(common) {
		ranks[common[i]] = uint8(i)
	}
	return ranks
}()

// index is strings.Index for texts of very many bytes. It looks for the two rarest bytes of
// what is sought, as far from each other as there, as long as these are rare.
func index(text, sought string) int {
	if len(sought) < 2 {
		return strings.Index(text, sought)
	}
	low, high := rarest(sought)
	misses := 0
	for at := 0; at+len(sought) <= len(text); at++ {
		n := pair(text[at+low:len(text)-len(sought)+high+1], high-low, sought[low], sought[high])
		if n < 0 {
			return -1
		}
		at += n
		if text[at:at+len(sought)] == sought {
			return at
		}
		if misses++; misses > 16+at/16 {
			if n := strings.Index(text[at:], sought); n >= 0 {
				return at + n
			}
			return -1
		}
	}
	return -1
}

// rarest returns where the two rarest bytes of a text of two or more are.
func rarest(sought string) (low, high int) {
	low, high = 0, 1
	if rarity[sought[high]] > rarity[sought[low]] {
		low, high = high, low
	}
	for i := 2; i < len(sought); i++ { // low is the rarest
		switch r := rarity[sought[i]]; {
		case r > rarity[sought[low]]:
			low, high = i, low
		case r > rarity[sought[high]] && sought[i] != sought[low]:
			high = i
		}
	}
	return min(low, high), max(low, high)
}

// Own copies the values, if they lie one behind the other in memory that they share with
// others, and returns how many bytes that took.
func (c *Column) Own() int {
	all := strings.Clone(c.all)
	at := 0
	for i := range c.Values {
		if all != "" {
			c.Values[i] = all[at : at+len(c.Values[i])]
		}
		at += len(c.Values[i])
	}
	c.all = all
	return at
}

// Holding returns the codes of the values that hold a text, which is not empty, growing;
// the first value has code 1.
func (c *Column) Holding(sought string) (codes []uint32) {
	if c.all == "" {
		for i, value := range c.Values {
			if strings.Contains(value, sought) {
				codes = append(codes, uint32(i+1))
			}
		}
		return codes
	}
	value, end := 0, len(c.Values[0]) // the value that is looked at, and where it ends in all
	for at := 0; ; {
		n := index(c.all[at:], sought)
		if n < 0 {
			return codes
		}
		at += n
		for end <= at {
			value++
			end += len(c.Values[value])
		}
		if at+len(sought) > end {
			at++ // it goes on into the next value
			continue
		}
		codes = append(codes, uint32(value+1))
		at = end
	}
}
