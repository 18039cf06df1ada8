package storetest

import (
	"encoding/json"
	"testing"

	"sluice/triggers"
)

// testEscapedNUL: PostgreSQL has no NUL in a text, but JSON that is kept as it came has it in six characters.
func testEscapedNUL(t *testing.T, b *bench) {
	ctx := t.Context()
	text := json.RawMessage(`{"x":"a\u0000b","\u0000":1}`)
	b.subscribe("s", func(s *triggers.Subscription) { s.Workflow = text })
	if err := b.db.Emit(ctx, triggers.Event{ID: "event", Type: "t", Subject: "a", Time: b.clock(), Data: text}); err != nil {
		t.Fatal(err)
	}
	made, _, err := b.db.Invoke(ctx, "t", text, text, nil)
	if err != nil || len(made) != 1 {
		t.Fatalf("test: got %+v, %v, want one", made, err)
	}
	if err := b.db.Complete(ctx, made[0].ID, made[0].Secret, text, "", func(triggers.Invocation) error { return nil }); err != nil {
		t.Fatal(err)
	}
	one, err := b.db.Invocation(ctx, made[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.db.Subscriptions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, waiting := b.waiting(b.claimDeliveries("s"))
	for what, got := range map[string]json.RawMessage{
		"workflow": all[0].Workflow, "event": waiting[0].Event.Data, "input": one.Event.Data, "content": one.Content, "output": one.Output,
	} {
		if string(got) != string(text) {
			t.Errorf("%s: got %s, want %s", what, got, text)
		}
	}
}
