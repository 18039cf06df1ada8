package events

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/triggers"
)

// extension is what is ours of a subscription as a client writes it. A member that is not known is refused, because whoever misspells one would think
// that it holds; SailPoint's own members are another matter, which clients may know more of.
type extension triggers.Extension

// UnmarshalJSON implements json.Unmarshaler.
func (x *extension) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*triggers.Extension)(x)); err != nil {
		return err
	}
	return familiar(text, reflect.TypeFor[triggers.Extension](), "sluice")
}

// familiar refuses what a type has no place for.
func familiar(text []byte, in reflect.Type, at string) error {
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return err
	}
	if found := stranger(tree, in, at); found != "" {
		return bad("%s is not known", found)
	}
	return nil
}

// mostShown bounds what is repeated of a member's name.
const mostShown = 64

// stranger is the first member of a tree, by its path, that a type has no place for; "": there is none.
func stranger(tree any, in reflect.Type, at string) string {
	for in.Kind() == reflect.Pointer {
		in = in.Elem()
	}
	switch t := tree.(type) {
	case []any:
		if in.Kind() == reflect.Slice {
			return strangerIn(t, in.Elem(), at)
		}
	case map[string]any:
		if in.Kind() == reflect.Struct && in != reflect.TypeFor[time.Time]() {
			return strangerOf(t, in, at)
		}
	}
	return ""
}

func strangerIn(items []any, in reflect.Type, at string) string {
	for i, item := range items {
		if found := stranger(item, in, at+"["+strconv.Itoa(i)+"]"); found != "" {
			return found
		}
	}
	return ""
}

func strangerOf(members map[string]any, in reflect.Type, at string) string {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		of := memberType(in, name)
		if of == nil {
			shown := []rune(name)
			return at + "." + string(shown[:min(len(shown), mostShown)])
		}
		if found := stranger(members[name], of, at+"."+name); found != "" {
			return found
		}
	}
	return ""
}

// memberType is the type of a struct's member of a name in JSON, as encoding/json finds it; nil: there is none.
func memberType(in reflect.Type, name string) reflect.Type {
	for _, field := range reflect.VisibleFields(in) {
		tag := field.Tag.Get("json")
		member, _, _ := strings.Cut(tag, ",")
		if tag != "-" && !field.Anonymous && strings.EqualFold(member, name) {
			return field.Type
		}
	}
	return nil
}
