// Package schedule knows when a query that repeats is due, and asks it then.
//
// A Timing is pure: it says which moments are due after which, whatever the clock
// of the wall does (wall.go). A Runner keeps the schedules of the database: it
// takes the lease that lets one central of several fire, notes each run before it
// asks, and follows the run to its end. It knows nothing of what queries mean.
package schedule
