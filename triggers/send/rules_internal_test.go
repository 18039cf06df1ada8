package send

import (
	"fmt"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"sluice/triggers"
)

// What the real server of AMQP does not say is said by hand.
func TestConditionsOfAMQP(t *testing.T) {
	t.Parallel()
	n, err := newAMQP(Options{}, guard{}, &triggers.AMQPNode{URL: "amqps://bus.example", Address: "events"})
	if err != nil {
		t.Fatal(err)
	}
	for condition, c := range map[amqp.ErrCond]struct {
		want  string
		final bool
		after time.Duration
	}{
		amqp.ErrCondMessageSizeExceeded:   {"events of bus.example: the event is larger than the node takes", true, 0},
		amqp.ErrCondDecodeError:           {"events of bus.example: it cannot read the event", true, 0},
		amqp.ErrCondResourceLimitExceeded: {"events of bus.example: the node is full or its quota is spent", false, 0},
		"com.microsoft:server-busy":       {"events of bus.example: it gets too much at once", false, 10 * time.Second},
		amqp.ErrCondInternalError:         {"events of bus.example: it answered amqp:internal-error", false, 0},
		"odd <condition>":                 {"events of bus.example: it answered with a condition that no rule knows", false, 0},
	} {
		said := &amqp.Error{Condition: condition, Description: "planted"}
		for _, err := range []error{said, &amqp.LinkError{RemoteErr: said}, fmt.Errorf("send: %w", said)} {
			got := n.judge(t.Context(), t.Context(), err)
			if got.Error() != c.want || triggers.IsPermanent(got) != c.final || triggers.AfterOf(got) != c.after {
				t.Errorf("%s in a %T: got %v, final %t, after %s; want %s, final %t, after %s",
					condition, err, got, triggers.IsPermanent(got), triggers.AfterOf(got), c.want, c.final, c.after)
			}
		}
	}
}

// Every status has a rule, and the last row is for what is none.
func TestStatusesAreCovered(t *testing.T) {
	t.Parallel()
	for status := 100; status < 1000; status++ {
		rule := ruleOf(status)
		if none := rule == statuses[len(statuses)-1]; none != (status < 200 || status > 599) {
			t.Errorf("%d: got the rule %+v", status, rule)
		}
	}
}
