package transforms

import "time"

// parseHTTPDate reads the three forms of RFC 9110 5.6.7; f says which of them count.
func parseHTTPDate(s string, f Format, now time.Time) (time.Time, bool) {
	d := dateText{s}
	if !d.weekday() {
		return time.Time{}, false
	}
	if !d.literal(",") {
		if f != Asctime && f != HTTPDate {
			return time.Time{}, false
		}
		return parseAsctime(d)
	}
	for d.literal(" ") {
	}
	day, ok := d.digits(1, 2)
	if !ok {
		return time.Time{}, false
	}
	if d.literal("-") {
		if f != RFC850 && f != HTTPDate {
			return time.Time{}, false
		}
		return parseRFC850(d, day, now)
	}
	if f == RFC850 || f == Asctime {
		return time.Time{}, false
	}
	return parseIMF(d, day)
}

// parseIMF reads ` Nov 1994 08:49:37 GMT`.
func parseIMF(d dateText, day int) (time.Time, bool) {
	blank := d.literal(" ")
	month, ok1 := d.month()
	blank = d.literal(" ") && blank
	year, ok2 := d.digits(4, 4)
	blank = d.literal(" ") && blank
	seconds, ok3 := d.clock(false)
	blank = d.literal(" ") && blank
	east, ok4 := d.zone()
	if !blank || !ok1 || !ok2 || !ok3 || !ok4 || d.rest != "" {
		return time.Time{}, false
	}
	return instant(year, month, day, seconds, 0, east)
}

// parseRFC850 reads `Nov-94 08:49:37 GMT`; a year of four digits is as clear and is read too.
func parseRFC850(d dateText, day int, now time.Time) (time.Time, bool) {
	month, ok1 := d.month()
	dash := d.literal("-")
	left := len(d.rest)
	year, ok2 := d.digits(2, 4)
	width := left - len(d.rest)
	blank := d.literal(" ")
	seconds, ok3 := d.clock(false)
	blank = d.literal(" ") && blank
	east, ok4 := d.zone()
	if !dash || !blank || !ok1 || !ok2 || width == 3 || !ok3 || !ok4 || d.rest != "" {
		return time.Time{}, false
	}
	if width == 4 {
		return instant(year, month, day, seconds, 0, east)
	}
	return nearestCentury(year, now, func(year int) (time.Time, bool) {
		return instant(year, month, day, seconds, 0, east)
	})
}

// nearestCentury gives a two-digit year its century: the latest in which the date is not more than 50 years after now.
// A 29th of February skips the centuries that have none.
func nearestCentury(year int, now time.Time, date func(year int) (time.Time, bool)) (time.Time, bool) {
	horizon := now.AddDate(50, 0, 0)
	for century := horizon.Year() / 100 * 100; century >= horizon.Year()-400; century -= 100 {
		if t, ok := date(century + year); ok && !t.After(horizon) {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseAsctime reads ` Nov  6 08:49:37 1994`.
func parseAsctime(d dateText) (time.Time, bool) {
	blank := d.literal(" ")
	month, ok1 := d.month()
	blank = d.literal(" ") && blank
	d.literal(" ")
	day, ok2 := d.digits(1, 2)
	blank = d.literal(" ") && blank
	seconds, ok3 := d.clock(false)
	blank = d.literal(" ") && blank
	year, ok4 := d.digits(4, 4)
	if !blank || !ok1 || !ok2 || !ok3 || !ok4 || d.rest != "" {
		return time.Time{}, false
	}
	return instant(year, month, day, seconds, 0, 0)
}

// parseISO reads ISO 8601's extended form with T, t or a blank between date and time.
func parseISO(s string, f Format) (time.Time, bool) {
	d := dateText{s}
	year, ok1 := d.digits(4, 4)
	dash := d.literal("-")
	month, ok2 := d.digits(2, 2)
	dash = d.literal("-") && dash
	day, ok3 := d.digits(2, 2)
	parted := d.literal("T") || d.literal("t") || d.literal(" ")
	left := len(d.rest)
	seconds, ok4 := d.clock(true)
	nano, ok5 := 0, true
	if left-len(d.rest) == len("15:04:05") {
		nano, ok5 = d.fraction()
	}
	if !dash || !parted || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || month < 1 || month > 12 {
		return time.Time{}, false
	}
	if f == ISO8601UTC && d.rest == "" {
		return instant(year, time.Month(month), day, seconds, nano, 0)
	}
	d.literal(" ")
	east, ok := d.zone()
	if !ok || d.rest != "" {
		return time.Time{}, false
	}
	return instant(year, time.Month(month), day, seconds, nano, east)
}

// parseJSDate reads what JavaScript's Date.toString writes: the comment in brackets may be missing, the zone may not.
func parseJSDate(s string) (time.Time, bool) {
	d := dateText{s}
	named := d.weekday() && d.literal(" ")
	month, ok1 := d.month()
	blank := d.literal(" ")
	day, ok2 := d.digits(1, 2)
	blank = d.literal(" ") && blank
	year, ok3 := d.digits(4, 4)
	blank = d.literal(" ") && blank
	seconds, ok4 := d.clock(false)
	blank = d.literal(" ") && blank
	gmt := d.literal("GMT") || d.literal("UTC")
	if !named || !blank || !gmt || !ok1 || !ok2 || !ok3 || !ok4 {
		return time.Time{}, false
	}
	east, ok := 0, true
	if d.rest != "" && d.rest[0] != ' ' {
		east, ok = d.offset()
	}
	if comment := d.rest; !ok || comment != "" && (len(comment) < 3 || comment[:2] != " (" || comment[len(comment)-1] != ')') {
		return time.Time{}, false
	}
	return instant(year, month, day, seconds, 0, east)
}
