package triggers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema says what a payload is made of. It never changes.
type Schema struct {
	text     string
	avro     string
	orNull   bool
	compiled func() (*jsonschema.Schema, error) // made when it is first asked for: all of the catalogue's allocate 10 MB
}

func newSchema(text, avro string, orNull bool) *Schema {
	return &Schema{text: text, avro: avro, orNull: orNull, compiled: sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(text) })}
}

// JSONSchema returns the JSON Schema as one text.
func (s *Schema) JSONSchema() string { return s.text }

// Avro returns the Avro schema as one text; "" where there is none, as of a JSON Schema of a user's own.
func (s *Schema) Avro() string { return s.avro }

// compile makes a schema ready. It may refer only to itself: nothing is fetched, and no file is read.
func compile(text string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	c.AssertFormat()
	if err := c.AddResource("trigger:", doc); err != nil {
		return nil, errors.New(oneLine(err))
	}
	compiled, err := c.Compile("trigger:")
	if none, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](none.Err); ok {
			return nil, misfits(invalid)
		}
	}
	if err != nil {
		return nil, errors.New(oneLine(err))
	}
	return compiled, nil
}

// Check says in what a document does not fit. The error is a Misfits, unless the document is no JSON in UTF-8, which is all that JSON may be in
// and that every database keeps.
func (s *Schema) Check(document json.RawMessage) error {
	if !utf8.Valid(document) {
		return errors.New("is not UTF-8")
	}
	if Nested(document) > MostNested {
		return fmt.Errorf("is nested too deep: %d levels are the most", MostNested)
	}
	schema, err := s.compiled()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return errors.New(WhyNotJSON(document, err))
	}
	if o, ok := doc.(map[string]any); ok && len(o) == 0 && s.orNull { // SailPoint's pages take {} for null
		doc = nil
	}
	err = schema.Validate(doc)
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return misfits(invalid)
	}
	return err
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
