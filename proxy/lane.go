package proxy

import (
	"context"

	"sluice/connectors"
	"sluice/proxy/pace/shadow"
)

type laneKey struct{}

// InLane returns a context for calls inside the house that go in a lane of their own choice.
func InLane(ctx context.Context, lane connectors.Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// laneIn is the lane that a caller inside the house chose; zero for none. What becomes of it, Consumer.Lane decides.
func laneIn(ctx context.Context) connectors.Lane {
	lane, _ := ctx.Value(laneKey{}).(connectors.Lane)
	return lane
}

// lane is the call's lane as the queue counts them. A call of which nobody has said anything is one that somebody waits for.
func (c *Call) lane() shadow.Lane {
	if c.Lane == 0 {
		return shadow.Interactive
	}
	return shadow.Lane(c.Lane - connectors.Critical)
}

type idKey struct{}

// WithID returns a context for calls inside the house that bear an id of their own, by which the log tells whose they are.
func WithID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, idKey{}, id)
}

// idIn is the id that a caller inside the house gave; "" for none.
func idIn(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}
