package connectors

import (
	"net/url"
	"strings"
)

// Write is what a call through the proxy changes.
type Write struct {
	Resource *Resource
	Key      string // of the account, unescaped; "" = the call does not say
}

// Writes returns what a call changes, by the writes of the connector's resources; nil for most. method and rawPath are as in
// [Connector.Route].
func (c *Connector) Writes(method, rawPath string) (changed []Write) {
	route := c.Route(method, rawPath)
	for _, r := range c.Resources {
		for _, w := range r.Writes {
			if w.route == route {
				changed = append(changed, Write{Resource: r, Key: w.key(rawPath)})
			}
		}
	}
	return changed
}

// key takes the account's key out of a path.
func (w *WriteRoute) key(rawPath string) string {
	path, _, _ := strings.Cut(rawPath, "?")
	parts := strings.Split(path, "/")
	if w.segment < 0 || w.segment >= len(parts) {
		return ""
	}
	key, err := url.PathUnescape(parts[w.segment])
	if err != nil {
		return ""
	}
	return key
}
