package connectors

import "slices"

// Routes returns every route that a template of the connector names, in the order in which they were compiled. Calls that no template
// matches have routes besides, which are not listed. The slice is the caller's; the routes are shared.
func (c *Connector) Routes() []*Route {
	return slices.DeleteFunc(slices.Clone(c.all), func(r *Route) bool { return r.Template == "other" })
}

// Rules returns the connector's limits in the order of its file. The slice is the caller's; the rules are shared.
func (c *Connector) Rules() []*Rule { return slices.Clone(c.rules) }
