package carrier

// Cut breaks all connections; they come back.
func (b *Broker) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.users {
		for conn := range u.conns {
			b.server.DisconnectClientByID(conn) // fails when it is gone
		}
	}
}
