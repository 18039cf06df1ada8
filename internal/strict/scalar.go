package strict

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// reference is a whole value that only a Secret may be. Anywhere else it would silently be taken by the letter.
var reference = regexp.MustCompile(`^\$\{(env|file):[^}]*\}$`)

// scalar decodes the kinds of Go that hold one value.
func (d *decoder) scalar(n *Node, v reflect.Value) {
	want, ok := wants(v.Kind())
	if !ok {
		panic(fmt.Sprintf("strict: %s: fields of type %s cannot be decoded", n.path, v.Type()))
	}
	if !d.is(n, Scalar, want) {
		return
	}
	switch {
	case v.Kind() == reflect.String && n.IsString():
		if reference.MatchString(n.text) {
			d.fault(n, "is a reference, but this key holds no secret: write the value, or set it by its environment variable")
		}
		v.SetString(n.text)
	case v.Kind() == reflect.String:
		d.fault(n, "is %s, must be %s: put it in quotes", n.describe(), want)
	case v.Kind() == reflect.Bool && n.tag == tagBool:
		v.SetBool(strings.EqualFold(n.text, "true"))
	case v.CanInt() && n.tag == tagInt, v.CanUint() && n.tag == tagInt, v.CanFloat() && (n.tag == tagInt || n.tag == tagFloat):
		if err := number(n.text, v); err != nil {
			d.fault(n, "is %s, %v", n.text, err)
		}
	case n.tag == tagFloat:
		d.fault(n, "is %s, must be %s", n.text, want)
	default:
		hint := ""
		if tag := resolve(n.text); n.tag == tagString && (tag == tagInt && v.Kind() != reflect.Bool || tag == tagBool && v.Kind() == reflect.Bool) {
			hint = ": remove the quotes"
		}
		d.fault(n, "is %s, must be %s%s", n.describe(), want, hint)
	}
}

// wants names what a kind of Go takes.
func wants(kind reflect.Kind) (string, bool) {
	switch kind {
	case reflect.String:
		return "a string", true
	case reflect.Bool:
		return "true or false", true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number", true
	case reflect.Float32, reflect.Float64:
		return "a number", true
	}
	return "", false
}

// leadingZero is a number that YAML 1.1 reads as octal and YAML 1.2 as decimal.
var leadingZero = regexp.MustCompile(`^[-+]?0[0-9_]`)

// number sets v, an int, uint or float, from a text that YAML takes for a number.
func number(text string, v reflect.Value) error {
	if leadingZero.MatchString(text) {
		return errors.New("must have no leading zero: say 0o… for octal")
	}
	plain := strings.TrimPrefix(strings.ReplaceAll(text, "_", ""), "+")
	switch {
	case v.CanFloat():
		f, err := strconv.ParseFloat(plain, 64)
		if i, interr := strconv.ParseInt(plain, 0, 64); interr == nil {
			f, err = float64(i), nil
		}
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || v.OverflowFloat(f) {
			return errors.New("must be a finite number")
		}
		v.SetFloat(f)
	case v.CanInt():
		i, err := strconv.ParseInt(plain, 0, v.Type().Bits())
		if err != nil {
			limit := int64(1)<<(v.Type().Bits()-1) - 1
			return fmt.Errorf("must be from %d to %d", -limit-1, limit)
		}
		v.SetInt(i)
	case v.CanUint():
		u, err := strconv.ParseUint(plain, 0, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("must be from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		v.SetUint(u)
	}
	return nil
}

// plain returns n as plain Go data, for fields of type any.
func (d *decoder) plain(n *Node) any {
	switch n.kind {
	case Mapping:
		made := make(map[string]any, len(n.names))
		for i, name := range n.names {
			made[name] = d.plain(n.children[i])
		}
		return made
	case List:
		made := make([]any, len(n.children))
		for i, item := range n.children {
			made[i] = d.plain(item)
		}
		return made
	case Null:
		return nil
	}
	switch n.tag {
	case tagBool:
		return strings.EqualFold(n.text, "true")
	case tagInt:
		var i int
		if err := number(n.text, reflect.ValueOf(&i).Elem()); err != nil {
			d.fault(n, "is %s, %v", n.text, err)
		}
		return i
	case tagFloat:
		var f float64
		if err := number(n.text, reflect.ValueOf(&f).Elem()); err != nil {
			d.fault(n, "is %s, %v", n.text, err)
		}
		return f
	}
	return n.text
}

// duration decodes what time.ParseDuration reads, and whole days before it: 25s, 1h30m, 7d, 1d12h.
func (d *decoder) duration(n *Node, into *time.Duration) {
	const want = "a duration such as 25s, 10m or 7d"
	if !d.is(n, Scalar, want) {
		return
	}
	parsed, err := parseDuration(n.text)
	switch {
	case n.tag == tagInt || n.tag == tagFloat || resolve(n.text) == tagInt:
		d.fault(n, "is %s without a unit: say %ss for seconds", n.text, n.text)
	case err != nil:
		d.fault(n, "is %q, must be %s", n.text, want)
	case parsed < 0:
		d.fault(n, "is %s, must not be negative", n.text)
	default:
		*into = parsed
	}
}

func parseDuration(text string) (time.Duration, error) {
	count, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	days, err := strconv.ParseUint(count, 10, 16)
	if err != nil {
		return 0, err
	}
	whole := time.Duration(days) * 24 * time.Hour
	if rest == "" {
		return whole, nil
	}
	more, err := time.ParseDuration(rest)
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") || whole+more < whole {
		return 0, errors.New("not a duration")
	}
	return whole + more, err
}

// examples are right values of types that cannot say so themselves.
var examples = map[reflect.Type]string{
	reflect.TypeFor[netip.Addr]():     "192.0.2.7",
	reflect.TypeFor[netip.AddrPort](): "192.0.2.7:8080",
	reflect.TypeFor[netip.Prefix]():   "192.0.2.0/24",
	reflect.TypeFor[time.Time]():      "2006-01-02T15:04:05Z",
	reflect.TypeFor[slog.Level]():     "info",
	reflect.TypeFor[regexp.Regexp]():  "^[a-z]+$",
	reflect.TypeFor[time.Duration]():  "25s",
}

// example returns a right value of t, empty when neither its Example method nor the table knows one.
func example(t reflect.Type) string {
	if own, ok := reflect.New(t).Interface().(interface{ Example() string }); ok {
		return own.Example()
	}
	return examples[t]
}

// text decodes a type that reads itself from a text.
func (d *decoder) text(n *Node, into encoding.TextUnmarshaler) {
	like := ""
	if right := example(reflect.TypeOf(into).Elem()); right != "" {
		like = " such as " + right
	}
	if !d.is(n, Scalar, "a value"+like) {
		return
	}
	if err := into.UnmarshalText([]byte(n.text)); err != nil {
		d.fault(n, "is %q, must be a value%s (%v)", n.text, like, err)
	}
}
