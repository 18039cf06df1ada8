package events

import (
	"reflect"
	"testing"
)

// TestMemberType: a member is known as encoding/json knows it.
func TestMemberType(t *testing.T) {
	t.Parallel()
	type inner struct {
		Deep bool `json:"deep"`
	}
	in := reflect.TypeFor[struct {
		inner

		Shown  string `json:"shown,omitempty"`
		Hidden int    `json:"-"`
	}]()
	for name, want := range map[string]reflect.Type{
		"shown": reflect.TypeFor[string](), "SHOWN": reflect.TypeFor[string](), "deep": reflect.TypeFor[bool](),
		"-": nil, "Hidden": nil, "inner": nil, "other": nil, "": nil,
	} {
		if got := memberType(in, name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
