package task

// A fair queue takes turns between users, so that one who asks much makes only
// himself wait. It is not safe for concurrent use.
type fair[T comparable] struct {
	users   []string // those who wait, in the order of their turns
	waiting map[string][]T
	len     int
}

func (f *fair[T]) push(user string, v T) {
	if f.waiting == nil {
		f.waiting = map[string][]T{}
	}
	if len(f.waiting[user]) == 0 {
		f.users = append(f.users, user)
	}
	f.waiting[user] = append(f.waiting[user], v)
	f.len++
}

// pop takes the first of the user whose turn it is.
func (f *fair[T]) pop() (v T, ok bool) {
	if len(f.users) == 0 {
		return v, false
	}
	user := f.users[0]
	f.users = f.users[1:]
	v = f.waiting[user][0]
	f.waiting[user] = f.waiting[user][1:]
	f.len--
	if len(f.waiting[user]) == 0 {
		delete(f.waiting, user)
	} else {
		f.users = append(f.users, user)
	}
	return v, true
}
