package connectors

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"sluice/internal/strict"
)

// Show returns the sluice.yaml that runs: overrides applied, defaults filled in, secrets as their references. What it shows
// can be loaded again and means the same, as long as relative paths start from the same folder.
func (s *Set) Show() ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(shown(reflect.ValueOf(s.written).Elem())); err != nil {
		return nil, fmt.Errorf("show the configuration: %w", err)
	}
	return text.Bytes(), nil
}

// shown returns a written value as YAML, in the order of its struct's fields, or nil when there is nothing to say.
func shown(v reflect.Value) *yaml.Node {
	if text, ok := shownText(v); ok {
		if text == "" {
			return nil
		}
		return scalarNode("!!str", text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if inner := shown(v.Elem()); inner != nil {
			return inner
		}
		return zeroNode(v.Elem())
	case reflect.Struct:
		return shownStruct(v)
	case reflect.Map:
		return shownMap(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for i := range v.Len() {
			list.Content = append(list.Content, shown(v.Index(i)))
		}
		return list
	}
	if v.IsZero() {
		return nil
	}
	return zeroNode(v)
}

// shownText returns a value that the file holds as a string.
func shownText(v reflect.Value) (string, bool) {
	switch value := v.Interface().(type) {
	case strict.Secret:
		return value.Reference(), true
	case databaseURL:
		return value.Reference(), true
	case time.Duration:
		if value == 0 {
			return "", true
		}
		return brief(value), true
	case encoding.TextMarshaler:
		if v.IsZero() || v.Kind() == reflect.Pointer {
			return "", v.IsZero() && v.Kind() != reflect.Pointer
		}
		text, err := value.MarshalText()
		return string(text), err == nil
	}
	return v.String(), v.Kind() == reflect.String
}

// zeroNode returns a scalar even when it is zero: somebody wrote it.
func zeroNode(v reflect.Value) *yaml.Node {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return scalarNode("!!str", "0s")
	case v.Kind() == reflect.Bool:
		return scalarNode("", strconv.FormatBool(v.Bool()))
	case v.CanInt():
		return scalarNode("", strconv.FormatInt(v.Int(), 10))
	case v.CanFloat():
		return scalarNode("", strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case v.Kind() == reflect.Struct:
		return &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	}
	return scalarNode("!!str", "")
}

// scalarNode returns a scalar; without a tag it is what its text looks like.
func scalarNode(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

func shownStruct(v reflect.Value) *yaml.Node {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		value := shown(v.Field(i))
		if value == nil && strings.Contains(v.Type().Field(i).Tag.Get("jsonschema"), "default=") {
			value = zeroNode(v.Field(i)) // the default is not zero, so zero must be said
		}
		if value != nil {
			mapping.Content = append(mapping.Content, scalarNode("!!str", name), value)
		}
	}
	if len(mapping.Content) == 0 {
		return nil
	}
	return mapping
}

func shownMap(v reflect.Value) *yaml.Node {
	if v.Len() == 0 {
		return nil
	}
	var names []string
	for _, key := range v.MapKeys() {
		names = append(names, key.String())
	}
	slices.Sort(names)
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range names {
		value := v.MapIndex(reflect.ValueOf(name))
		node := shown(value)
		if node == nil {
			node = zeroNode(value)
		}
		mapping.Content = append(mapping.Content, scalarNode("!!str", name), node)
	}
	return mapping
}
