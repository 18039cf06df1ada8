package transforms

import (
	"strconv"
	"time"
)

// FormatTime writes t as f; a relative format counts from now and is never negative. What the format cannot hold is
// rounded up, so that a caller who believes the text never comes too early. Auto, HTTPDate and IMF write IMF,
// RetryAfter writes whole seconds.
func FormatTime(t time.Time, f Format, now time.Time) string {
	var space [64]byte
	return string(AppendTime(space[:0], t, f, now))
}

// AppendTime is FormatTime onto dst, without allocating.
func AppendTime(dst []byte, t time.Time, f Format, now time.Time) []byte {
	switch f {
	case Delta, RetryAfter:
		return strconv.AppendInt(dst, ceil(t.Sub(now), time.Second), 10)
	case DeltaMS:
		return strconv.AppendInt(dst, ceil(t.Sub(now), time.Millisecond), 10)
	case GoDuration:
		return append(dst, (time.Duration(ceil(t.Sub(now), time.Millisecond)) * time.Millisecond).String()...)
	case UnixMS:
		return strconv.AppendInt(dst, roundUp(t, time.Millisecond).UnixMilli(), 10)
	case ISOMinute:
		return roundUp(t, time.Minute).AppendFormat(dst, "2006-01-02T15:04Z")
	}
	t = roundUp(t, time.Second)
	switch f {
	case Unix:
		return strconv.AppendInt(dst, t.Unix(), 10)
	case RFC850:
		return t.AppendFormat(dst, "Monday, 02-Jan-06 15:04:05 GMT")
	case Asctime:
		return t.AppendFormat(dst, time.ANSIC)
	case ISO8601, ISO8601UTC:
		return t.AppendFormat(dst, "2006-01-02T15:04:05Z")
	case JSDate:
		return t.AppendFormat(dst, "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)")
	}
	return t.AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
}

// ceil returns how many whole units d fills or begins; 0 for what is past.
func ceil(d, unit time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d-1)/unit) + 1
}

func roundUp(t time.Time, unit time.Duration) time.Time {
	t = t.UTC()
	if whole := t.Truncate(unit); whole.Before(t) {
		return whole.Add(unit)
	}
	return t
}
