package auth

import (
	"fmt"
	"io"
)

// unprinted is embedded by whatever holds a secret: it prints as "[redacted]" for every verb. fmt does not ask the methods of
// unexported fields, so a field that guards itself is not enough; the whole must.
type unprinted struct{}

// Format implements fmt.Formatter.
func (unprinted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }
