package transforms

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Format is one way to write an instant in a header or a field.
type Format uint8

// The formats. Delta, DeltaMS and GoDuration are relative; all others are absolute.
const (
	// Auto is a documented heuristic, for reading only: a number greater than 30 years in milliseconds is UnixMS, one
	// greater than 30 years in seconds is Unix, any smaller one is Delta; what is no number is tried as HTTPDate,
	// ISO8601, GoDuration and JSDate, of which at most one fits. Written, it is IMF.
	Auto       Format = iota
	IMF               // Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7 IMF-fixdate, RFC 1123); TeamDynamix
	RFC850            // Sunday, 06-Nov-94 08:49:37 GMT (RFC 9110 5.6.7, obsolete)
	Asctime           // Sun Nov  6 08:49:37 1994 (RFC 9110 5.6.7, obsolete), UTC
	HTTPDate          // any of the three above; written as IMF
	Unix              // seconds since 1970, fractions allowed when read; Okta, GitHub, ServiceNow
	UnixMS            // milliseconds since 1970
	Delta             // seconds from now, fractions allowed when read; Zendesk, PagerDuty
	DeltaMS           // milliseconds from now; Oracle Access Governance
	ISO8601           // 2026-08-07T12:00:00Z, with minutes only, fractions, or an offset; a zone is required
	ISO8601UTC        // the same, but UTC when the zone is missing
	ISOMinute         // 2026-08-07T12:00Z: Jira Cloud writes no seconds
	GoDuration        // 6m0s from now; OpenAI
	JSDate            // Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time); lemlist
	RetryAfter        // delay-seconds or HTTP-date (RFC 9110 10.2.3); written as whole seconds
)

// A table, so that names and constants cannot drift apart.
var formatNames = [...]string{
	Auto: "auto", IMF: "imf", RFC850: "rfc850", Asctime: "asctime", HTTPDate: "http_date", Unix: "unix", UnixMS: "unix_ms",
	Delta: "delta", DeltaMS: "delta_ms", ISO8601: "iso8601", ISO8601UTC: "iso8601_utc", ISOMinute: "iso_minute",
	GoDuration: "go_duration", JSDate: "js_date", RetryAfter: "retry_after",
}

// Formats returns the names of all formats, in the order of their constants.
func Formats() []string { return slices.Clone(formatNames[:]) }

// ParseFormat returns the format of that name, as the YAML spells it.
func ParseFormat(name string) (Format, error) {
	for f, n := range formatNames {
		if n == name {
			return Format(f), nil
		}
	}
	return Auto, fmt.Errorf("unknown time format %q%s; there are: %s", name, didYouMean(name, formatNames[:]), strings.Join(formatNames[:], ", "))
}

// String returns the format's YAML name.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("format(%d)", f)
}

// Relative says whether the format writes a distance from now and no instant.
func (f Format) Relative() bool {
	return f == Delta || f == DeltaMS || f == GoDuration || f == RetryAfter
}

// plausible parts relative numbers from absolute ones: 30 years in seconds. A smaller absolute or a greater relative
// number says that the format is misconfigured, and reading it all the same would be a guess.
const plausible = 946080000

// ParseTime reads value as f. A relative value counts from now; now also places RFC 850's two-digit years. The result is
// in UTC. Blanks around the value are ignored, the rest must fit to the last byte. The error wraps ErrUnreadable and
// shows the value's shape only.
//
// HTTP dates are read more kindly than net/http.ParseTime and more strictly too: the zone may be GMT, UTC, Z or a
// numeric offset, but PST and the like are refused; the day may have one digit; the case of letters is ignored; the
// weekday must be one, but need not fit (RFC 9110 5.6.7 asks for robust reading); 23:59:60 is the next day's first second; a
// two-digit year is the latest one that is not more than 50 years ahead.
func ParseTime(value string, f Format, now time.Time) (time.Time, error) {
	t, ok := parseTime(trimBlanks(value), f, now)
	if !ok {
		return time.Time{}, fmt.Errorf("%w as %s: %q", ErrUnreadable, f, shape(value))
	}
	return t, nil
}

func parseTime(s string, f Format, now time.Time) (time.Time, bool) {
	switch f {
	case Auto:
		return parseAuto(s, now)
	case IMF, RFC850, Asctime, HTTPDate:
		return parseHTTPDate(s, f, now)
	case Unix:
		return parseEpoch(s, time.Second)
	case UnixMS:
		return parseEpoch(s, time.Millisecond)
	case Delta:
		return parseDelta(s, time.Second, now)
	case DeltaMS:
		return parseDelta(s, time.Millisecond, now)
	case ISO8601, ISO8601UTC, ISOMinute:
		return parseISO(s, f)
	case GoDuration:
		return parseGoDuration(s, now)
	case JSDate:
		return parseJSDate(s)
	case RetryAfter:
		if isNumber(s) {
			return parseDelta(s, time.Second, now)
		}
		return parseHTTPDate(s, HTTPDate, now)
	}
	return time.Time{}, false
}

func parseAuto(s string, now time.Time) (time.Time, bool) {
	if isNumber(s) {
		for _, f := range [...]Format{UnixMS, Unix, Delta} {
			if t, ok := parseTime(s, f, now); ok {
				return t, true
			}
		}
		return time.Time{}, false
	}
	if looksLikeDuration(s) {
		return parseGoDuration(s, now)
	}
	for _, f := range [...]Format{HTTPDate, ISO8601, JSDate} {
		if t, ok := parseTime(s, f, now); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// ParseWait reads value as f and returns the distance from now; an instant in the past is 0.
func ParseWait(value string, f Format, now time.Time) (time.Duration, error) {
	t, err := ParseTime(value, f, now)
	if err != nil {
		return 0, err
	}
	return max(0, t.Sub(now)), nil
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }

// shape shows what kind of text s is without its content, since a header named by mistake may hold a secret.
func shape(s string) string {
	const most = 40
	out := make([]byte, 0, most+3)
	for i := range len(s) {
		if i == most {
			return string(append(out, "..."...))
		}
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			c = '9'
			out = append(out, c)
		case c >= 'a' && c <= 'z':
			out = append(out, 'a')
		case c >= 'A' && c <= 'Z':
			out = append(out, 'A')
		case c > ' ' && c < 0x7f || c == ' ':
			out = append(out, c)
		default:
			out = append(out, '?')
		}
	}
	return string(out)
}
