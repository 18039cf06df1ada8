package transforms

import (
	"strings"
	"time"
)

// decimal reads an unsigned decimal number exactly: its whole part and its fraction in billionths. Signs, exponents and
// blanks do not belong to a number; more than nine digits of fraction are cut.
func decimal(s string) (whole int64, nano int64, ok bool) {
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if i == 16 {
			return 0, 0, false
		}
		whole = whole*10 + int64(s[i]-'0')
	}
	if i == 0 {
		return 0, 0, false
	}
	if i == len(s) {
		return whole, 0, true
	}
	if s[i] != '.' || i+1 == len(s) {
		return 0, 0, false
	}
	unit := int64(100_000_000)
	for _, c := range []byte(s[i+1:]) {
		if c-'0' > 9 {
			return 0, 0, false
		}
		nano += int64(c-'0') * unit
		unit /= 10
	}
	return whole, nano, true
}

func isNumber(s string) bool {
	_, _, ok := decimal(s)
	return ok
}

func parseEpoch(s string, unit time.Duration) (time.Time, bool) {
	whole, nano, ok := decimal(s)
	if !ok {
		return time.Time{}, false
	}
	if unit == time.Millisecond {
		nano = whole%1000*int64(time.Millisecond) + nano/1000
		whole /= 1000
	}
	if whole < plausible || whole >= year10000 {
		return time.Time{}, false
	}
	return time.Unix(whole, nano).UTC(), true
}

// year10000 in Unix seconds: the first that no date format with a four-digit year can write.
const year10000 = 253402300800

func parseDelta(s string, unit time.Duration, now time.Time) (time.Time, bool) {
	whole, nano, ok := decimal(s)
	perSecond := int64(time.Second / unit)
	if !ok || whole/perSecond >= plausible {
		return time.Time{}, false
	}
	return now.Add(time.Duration(whole)*unit + time.Duration(nano/perSecond)).UTC(), true
}

// parseGoDuration reads Go's notation without a sign; a bare number is a Delta's business.
func parseGoDuration(s string, now time.Time) (time.Time, bool) {
	if s == "" || isNumber(s) || strings.ContainsAny(s, "+-") {
		return time.Time{}, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return time.Time{}, false
	}
	return now.Add(d).UTC(), true
}

// looksLikeDuration tells 6m0s from every date, none of which starts with a digit and ends with a unit.
func looksLikeDuration(s string) bool {
	if s == "" || s[0] != '.' && s[0]-'0' > 9 {
		return false
	}
	last := s[len(s)-1]
	return last == 's' || last == 'm' || last == 'h'
}

// parsePeriod reads a window as ASP.NET Core rate limiting writes one where others write a limit (BoldDesk's
// `x-rate-limit-limit: 1m`): a whole number and s, m, h or d.
func parsePeriod(s string) (time.Duration, bool) {
	if len(s) < 2 {
		return 0, false
	}
	whole, nano, ok := decimal(s[:len(s)-1])
	if !ok || nano != 0 || whole == 0 || whole > 100_000 {
		return 0, false
	}
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	return time.Duration(whole) * unit, unit != 0
}
