package transforms

import (
	"strings"
	"time"
)

// A dateText is what is left to read of a date; each method takes its part off the front or says that it is not there.
type dateText struct{ rest string }

func (d *dateText) literal(s string) bool {
	if !strings.HasPrefix(d.rest, s) {
		return false
	}
	d.rest = d.rest[len(s):]
	return true
}

// digits takes a number of least to most digits, all of them if there are more it fails.
func (d *dateText) digits(least, most int) (int, bool) {
	n, i := 0, 0
	for ; i < len(d.rest) && d.rest[i]-'0' <= 9; i++ {
		if i == most {
			return 0, false
		}
		n = n*10 + int(d.rest[i]-'0')
	}
	d.rest = d.rest[i:]
	return n, i >= least
}

var (
	monthNames = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	dayNames   = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

func (d *dateText) month() (time.Month, bool) {
	if len(d.rest) < 3 {
		return 0, false
	}
	for i, name := range monthNames {
		if strings.EqualFold(d.rest[:3], name) {
			d.rest = d.rest[3:]
			return time.Month(i + 1), true
		}
	}
	return 0, false
}

// weekday takes a weekday, in full or as three letters; whether it fits the date is not looked at.
func (d *dateText) weekday() bool {
	i := 0
	for i < len(d.rest) && d.rest[i]|0x20 >= 'a' && d.rest[i]|0x20 <= 'z' {
		i++
	}
	word := d.rest[:i]
	for _, name := range dayNames {
		if strings.EqualFold(word, name) || strings.EqualFold(word, name[:3]) {
			d.rest = d.rest[i:]
			return true
		}
	}
	return false
}

// clock takes hh:mm:ss; without seconds only when they are optional. It returns seconds since midnight, up to 86400
// for the leap second 23:59:60.
func (d *dateText) clock(secondsOptional bool) (seconds int, ok bool) {
	hour, ok1 := d.digits(2, 2)
	colon := d.literal(":")
	minute, ok2 := d.digits(2, 2)
	if !ok1 || !colon || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	seconds = hour*3600 + minute*60
	if !d.literal(":") {
		return seconds, secondsOptional
	}
	second, ok := d.digits(2, 2)
	if !ok || second > 60 || second == 60 && seconds != 86340 {
		return 0, false
	}
	return seconds + second, true
}

// fraction takes .123 or ,123 and returns nanoseconds; digits after the ninth are cut.
func (d *dateText) fraction() (nano int, ok bool) {
	if !d.literal(".") && !d.literal(",") {
		return 0, true
	}
	i, unit := 0, 100_000_000
	for ; i < len(d.rest) && d.rest[i]-'0' <= 9; i++ {
		nano += int(d.rest[i]-'0') * unit
		unit /= 10
	}
	d.rest = d.rest[i:]
	return nano, i > 0
}

// offset takes +hh, +hhmm or +hh:mm and returns seconds east.
func (d *dateText) offset() (seconds int, ok bool) {
	sign := 1
	if d.literal("-") {
		sign = -1
	} else if !d.literal("+") {
		return 0, false
	}
	if len(d.rest) < 2 {
		return 0, false
	}
	tail := dateText{d.rest[2:]}
	d.rest = d.rest[:2]
	hour, ok := d.digits(2, 2)
	if !ok || hour > 23 {
		return 0, false
	}
	minute := 0
	if tail.literal(":") || tail.rest != "" && tail.rest[0]-'0' <= 9 {
		minute, ok = tail.digits(2, 2)
	}
	d.rest = tail.rest
	return sign * (hour*3600 + minute*60), ok && minute < 60
}

// zone takes GMT, UTC, Z or a numeric offset: what can be read in one way only.
func (d *dateText) zone() (seconds int, ok bool) {
	for _, name := range [...]string{"GMT", "UTC", "Z"} {
		if len(d.rest) >= len(name) && strings.EqualFold(d.rest[:len(name)], name) {
			d.rest = d.rest[len(name):]
			return 0, true
		}
	}
	return d.offset()
}

// instant puts the parts together, refusing the 30th of February and years no four digits can write.
func instant(year int, month time.Month, day, seconds, nano, east int) (time.Time, bool) {
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if day < 1 || midnight.Day() != day || midnight.Month() != month {
		return time.Time{}, false
	}
	t := midnight.Add(time.Duration(seconds-east)*time.Second + time.Duration(nano))
	return t, t.Year() >= 0 && t.Year() <= 9999
}
