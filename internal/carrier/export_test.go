package carrier

import "time"

// Cut breaks all connections; they come back.
func (b *Broker) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conns := range b.conns {
		for conn := range conns {
			b.server.DisconnectClientByID(conn) // fails when it is gone
		}
	}
}

// Nkey is how a client of NATS's own proves a key.
var Nkey = nkey

// Hurry makes an end give a way up sooner.
func (a *Any) Hurry() *Any {
	a.patience = 500 * time.Millisecond
	return a
}

// ReadMessage and WriteMessage are what travels through a Door.
var (
	ReadMessage  = readMessage
	WriteMessage = writeMessage
)
