package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Target is one site and its nodes.
type Target struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Nodes []Node `json:"nodes"`
}

// Node is one node of a target.
type Node struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	LastSeen time.Time `json:"last_seen"` // zero for never
	Version  string    `json:"version"`
}

// Collection is one collection of one target.
type Collection struct {
	Name   string    `json:"name"`
	Target string    `json:"target"`
	Events int64     `json:"events"`
	Bytes  int64     `json:"bytes"`
	First  time.Time `json:"first"` // zero when it is empty
	Last   time.Time `json:"last"`
}

// Targets lists targets.
func (c *Client) Targets(ctx context.Context) ([]Target, error) {
	var all []Target
	err := c.Each(ctx, "/targets", nil, func(item []byte) error {
		var t Target
		if err := json.Unmarshal(item, &t); err != nil {
			return fmt.Errorf("read targets: %w", err)
		}
		all = append(all, t)
		return nil
	})
	return all, err
}

// Collections lists the collections of a target, or of all when it is empty.
func (c *Client) Collections(ctx context.Context, target string) ([]Collection, error) {
	params := url.Values{}
	if target != "" {
		params.Set("target", target)
	}
	var all []Collection
	err := c.Each(ctx, "/collections", params, func(item []byte) error {
		var held Collection
		if err := json.Unmarshal(item, &held); err != nil {
			return fmt.Errorf("read collections: %w", err)
		}
		all = append(all, held)
		return nil
	})
	return all, err
}
