package store

// A State is how far a task or a query has come.
type State string

// The states of tasks. A query has the state that its tasks make together.
const (
	Queued    State = "queued"    // the node has not been heard to have it
	Delivered State = "delivered" // the node has it and is busy with others
	Running   State = "running"
	Done      State = "done"
	Partial   State = "partial"   // ended early: the rows are right, and not all
	Failed    State = "failed"    // the node tried and could not
	Refused   State = "refused"   // the node would not
	Cancelled State = "cancelled" // somebody said so
	Expired   State = "expired"   // no answer by the deadline
)

// Final reports whether nothing follows s.
func (s State) Final() bool {
	switch s {
	case Queued, Delivered, Running:
		return false
	}
	return true
}

// Valid reports whether s is one of the states.
func (s State) Valid() bool {
	switch s {
	case Queued, Delivered, Running, Done, Partial, Failed, Refused, Cancelled, Expired:
		return true
	}
	return false
}

// Together returns the state of a query whose tasks are in the given states.
func Together(tasks []State) State {
	count := map[State]int{}
	open := 0
	for _, s := range tasks {
		count[s]++
		if !s.Final() {
			open++
		}
	}
	all := func(s State) bool { return count[s] == len(tasks) }
	switch {
	case all(Queued):
		return Queued
	case open > 0 && count[Queued]+count[Delivered] == len(tasks):
		return Delivered
	case open > 0:
		return Running
	case all(Done):
		return Done
	case count[Cancelled] > 0:
		return Cancelled
	case count[Done]+count[Partial] > 0:
		return Partial
	case all(Refused):
		return Refused
	case all(Expired):
		return Expired
	}
	return Failed
}
