package strict

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. A file writes it with its unit: 8MiB and 64KiB in powers of 1024, 4MB and 1GB in powers of
// 1000, 512B. It is never negative.
type Size int64

// units are ordered from large to small, for String; B comes last, for UnmarshalText, since every name ends in it.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

// String returns the size in the largest unit that divides it: 8MiB, 4MB, 1025B.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// MarshalText returns the text of String, which UnmarshalText reads back to the same size.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Example returns a right value, for faults.
func (s Size) Example() string { return "8MiB" }

// UnmarshalText reads a number with a unit, such as 8MiB or 1.5GB. A number without a unit, one that is negative, not a
// whole number of bytes or beyond 63 bits is an error.
func (s *Size) UnmarshalText(text []byte) error {
	trimmed := strings.TrimSpace(string(text))
	for _, u := range units {
		number, ok := strings.CutSuffix(trimmed, u.name)
		if !ok {
			continue
		}
		n, err := scale(strings.TrimSpace(number), u.bytes)
		if err != nil {
			return err
		}
		*s = Size(n)
		return nil
	}
	if trimmed != "" && strings.Trim(trimmed, "0123456789.") == "" {
		return fmt.Errorf("no unit: say %sB, %sKiB or %sMiB", trimmed, trimmed, trimmed)
	}
	return errors.New("not a size")
}

func scale(number string, unit int64) (int64, error) {
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, errors.New("not a size")
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole <= math.MaxInt64/unit {
		return whole * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	switch product := f * float64(unit); {
	case err != nil:
		return 0, errors.New("not a size")
	case product >= math.MaxInt64:
		return 0, errors.New("more than 8388607TiB")
	case product != math.Trunc(product):
		return 0, errors.New("not a whole number of bytes")
	default:
		return int64(product), nil
	}
}
