package transforms_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/transforms"
)

// The moment at which every vector below is read.
var noon = time.Date(2026, 8, 7, 12, 0, 0, 0, time.UTC)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatalf("the test's own instant: %v", err)
	}
	return at
}

// Every way to write a time that vendors' documents show, and the traps of net/http.ParseTime.
func TestParseTime(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, format, value, want string }{
		{"TeamDynamix", "imf", "Wed, 28 Mar 2018 16:08:14 GMT", "2018-03-28T16:08:14Z"},
		{"Amazon MWS", "http_date", "Wed, 28 Mar 2018 16:08:14 GMT", "2018-03-28T16:08:14Z"},
		{"RFC 9110 IMF", "http_date", "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"RFC 9110 RFC 850", "http_date", "Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"RFC 9110 asctime", "http_date", "Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"},
		{"asctime, one blank", "asctime", "Sun Nov 6 08:49:37 1994", "1994-11-06T08:49:37Z"},
		{"wrong weekday", "imf", "Mon, 28 Mar 2018 16:08:14 GMT", "2018-03-28T16:08:14Z"},
		{"UTC suffix", "imf", "Wed, 28 Mar 2018 16:08:14 UTC", "2018-03-28T16:08:14Z"},
		{"+0000", "imf", "Wed, 28 Mar 2018 16:08:14 +0000", "2018-03-28T16:08:14Z"},
		{"numeric offset", "imf", "Wed, 28 Mar 2018 18:08:14 +0200", "2018-03-28T16:08:14Z"},
		{"one-digit day", "imf", "Sun, 6 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"lower case", "imf", "wed, 28 mar 2018 16:08:14 gmt", "2018-03-28T16:08:14Z"},
		{"blanks around", "imf", " \tWed, 28 Mar 2018 16:08:14 GMT ", "2018-03-28T16:08:14Z"},
		{"leap second", "imf", "Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00Z"},
		{"RFC 850, 49 years ahead", "rfc850", "Wednesday, 01-Jan-75 00:00:00 GMT", "2075-01-01T00:00:00Z"},
		{"RFC 850, 50 years ahead to the second", "rfc850", "Friday, 07-Aug-76 12:00:00 GMT", "2076-08-07T12:00:00Z"},
		{"RFC 850, a second more", "rfc850", "Friday, 07-Aug-76 12:00:01 GMT", "1976-08-07T12:00:01Z"},
		{"RFC 850, four digits", "rfc850", "Sunday, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z"},
		{"Okta", "unix", "1482966442", "2016-12-28T23:07:22Z"},
		{"Unix with a fraction", "unix", "1482966442.25", "2016-12-28T23:07:22.25Z"},
		{"Unix milliseconds", "unix_ms", "1482966442250", "2016-12-28T23:07:22.25Z"},
		{"Zendesk", "delta", "41", "2026-08-07T12:00:41Z"},
		{"delta with a fraction", "delta", "0.5", "2026-08-07T12:00:00.5Z"},
		{"delta 0", "delta", "0", "2026-08-07T12:00:00Z"},
		{"Oracle Access Governance", "delta_ms", "1500", "2026-08-07T12:00:01.5Z"},
		{"Jira Cloud", "iso_minute", "2026-08-07T12:30Z", "2026-08-07T12:30:00Z"},
		{"Jira Cloud as ISO", "iso8601", "2026-08-07T12:30Z", "2026-08-07T12:30:00Z"},
		{"Akamai", "iso8601", "2026-08-07T12:00:30Z", "2026-08-07T12:00:30Z"},
		{"BoldDesk microseconds", "iso8601", "2026-08-07T12:00:30.1234567Z", "2026-08-07T12:00:30.1234567Z"},
		{"ISO offset", "iso8601", "2026-08-07T14:00:30+02:00", "2026-08-07T12:00:30Z"},
		{"ISO without zone, said to be UTC", "iso8601_utc", "2026-08-07 12:00:30", "2026-08-07T12:00:30Z"},
		{"OpenAI", "go_duration", "6m0s", "2026-08-07T12:06:00Z"},
		{"lemlist", "js_date", "Tue Feb 16 2021 09:02:42 GMT+0100 (Central European Standard Time)", "2021-02-16T08:02:42Z"},
		{"JavaScript without comment", "js_date", "Tue Feb 16 2021 09:02:42 GMT+0100", "2021-02-16T08:02:42Z"},
		{"Retry-After seconds", "retry_after", "120", "2026-08-07T12:02:00Z"},
		{"Retry-After date", "retry_after", "Fri, 07 Aug 2026 12:02:00 GMT", "2026-08-07T12:02:00Z"},
		{"auto: Perforce's delta", "auto", "17", "2026-08-07T12:00:17Z"},
		{"auto: just under 30 years", "auto", "946079999", "2056-07-30T11:59:59Z"},
		{"auto: 30 years", "auto", "946080000", "1999-12-25T00:00:00Z"},
		{"auto: Unix", "auto", "1482966442", "2016-12-28T23:07:22Z"},
		{"auto: milliseconds", "auto", "1482966442250", "2016-12-28T23:07:22.25Z"},
		{"auto: IMF", "auto", "Wed, 28 Mar 2018 16:08:14 GMT", "2018-03-28T16:08:14Z"},
		{"auto: ISO", "auto", "2026-08-07T12:30Z", "2026-08-07T12:30:00Z"},
		{"auto: duration", "auto", "1m30s", "2026-08-07T12:01:30Z"},
		{"auto: JavaScript", "auto", "Tue Feb 16 2021 09:02:42 GMT+0100 (CET)", "2021-02-16T08:02:42Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := transforms.ParseFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			got, err := transforms.ParseTime(tt.value, f, noon)
			if want := instant(t, tt.want); err != nil || !got.Equal(want) {
				t.Errorf("ParseTime(%q, %s) = %v, %v, want %v", tt.value, f, got, err, want)
			}
		})
	}
}

func TestParseTimeRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, format, value string }{
		{"promptfoo: an ISO date is not 2026 seconds", "delta", "2026-08-07T12:00:00Z"},
		{"nor Unix 2026", "unix", "2026-08-07T12:00:00Z"},
		{"delta with a unit", "delta", "17s"},
		{"negative delta", "delta", "-1"},
		{"exponent", "delta", "1e3"},
		{"a delta that must be an instant", "delta", "1482966442"},
		{"an instant that must be a delta", "unix", "17"},
		{"milliseconds as seconds", "unix", "1482966442250"},
		{"seconds as milliseconds", "unix_ms", "14829664"},
		{"PST is not UTC", "http_date", "Monday, 02-Sep-24 08:49:37 PST"},
		{"PST in IMF", "imf", "Wed, 28 Mar 2018 16:08:14 PST"},
		{"no zone in IMF", "imf", "Wed, 28 Mar 2018 16:08:14"},
		{"no weekday", "imf", "28 Mar 2018 16:08:14 GMT"},
		{"30 February", "imf", "Fri, 30 Feb 2018 16:08:14 GMT"},
		{"leap second at noon", "imf", "Sat, 31 Dec 2016 12:59:60 GMT"},
		{"hour 24", "imf", "Sat, 31 Dec 2016 24:00:00 GMT"},
		{"more behind it", "imf", "Wed, 28 Mar 2018 16:08:14 GMT, 5"},
		{"IMF where RFC 850 is due", "rfc850", "Wed, 28 Mar 2018 16:08:14 GMT"},
		{"ISO without zone", "iso8601", "2026-08-07T12:00:30"},
		{"ISO without zone, auto", "auto", "2026-08-07 12:00:30"},
		{"a fraction of minutes", "iso8601", "2026-08-07T12:00.5Z"},
		{"month 13", "iso8601", "2026-13-07T12:00:30Z"},
		{"negative duration", "go_duration", "-6m"},
		{"duration without unit", "go_duration", "6"},
		{"words", "auto", "soon"},
		{"nothing", "auto", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := transforms.ParseFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := transforms.ParseTime(tt.value, f, noon); !errors.Is(err, transforms.ErrUnreadable) {
				t.Errorf("ParseTime(%q, %s) = %v, %v, want ErrUnreadable", tt.value, f, got, err)
			}
		})
	}
}

func TestParseTimeErrorHidesTheValue(t *testing.T) {
	t.Parallel()
	_, err := transforms.ParseTime("s3cr3tTOKEN", transforms.Unix, noon)
	if got, want := err.Error(), `unreadable as unix: "a9aa9aAAAAA"`; got != want {
		t.Errorf("error = %s, want %s", got, want)
	}
}

func TestFormatTimeRoundsUp(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 7, 12, 1, 30, 250_000_001, time.UTC)
	tests := []struct{ format, want string }{
		{"imf", "Fri, 07 Aug 2026 12:01:31 GMT"}, {"http_date", "Fri, 07 Aug 2026 12:01:31 GMT"},
		{"rfc850", "Friday, 07-Aug-26 12:01:31 GMT"}, {"asctime", "Fri Aug  7 12:01:31 2026"},
		{"unix", "1786104091"}, {"unix_ms", "1786104090251"}, {"delta", "91"}, {"delta_ms", "90251"},
		{"iso8601", "2026-08-07T12:01:31Z"}, {"iso_minute", "2026-08-07T12:02Z"}, {"go_duration", "1m30.251s"},
		{"js_date", "Fri Aug 07 2026 12:01:31 GMT+0000 (Coordinated Universal Time)"}, {"retry_after", "91"},
	}
	for _, tt := range tests {
		t.Run(tt.format, func(t *testing.T) {
			t.Parallel()
			f, err := transforms.ParseFormat(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			if got := transforms.FormatTime(at, f, noon); got != tt.want {
				t.Errorf("FormatTime = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseFormatNamesTheNearest(t *testing.T) {
	t.Parallel()
	_, err := transforms.ParseFormat("unix_m")
	if err == nil || !strings.Contains(err.Error(), `did you mean "unix_ms"?`) && !strings.Contains(err.Error(), `did you mean "unix"?`) {
		t.Errorf("ParseFormat(unix_m) = %v, want advice", err)
	}
}

// What a format writes it reads again, to the instant rounded up to what the format holds; and what can be read is the same
// after writing and reading.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"Wed, 28 Mar 2018 16:08:14 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "1482966442", "1482966442250.5",
		"17", "6m0s", "2026-08-07T12:30Z", "2026-08-07 12:00:30.1234567+02:00", "Tue Feb 16 2021 09:02:42 GMT+0100 (CET)", "Sat, 31 Dec 2016 23:59:60 GMT",
	} {
		for i := range transforms.Formats() {
			f.Add(s, uint8(i))
		}
	}
	units := map[transforms.Format]time.Duration{transforms.UnixMS: time.Millisecond, transforms.DeltaMS: time.Millisecond, transforms.GoDuration: time.Millisecond, transforms.ISOMinute: time.Minute}
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		format := transforms.Format(int(n) % len(transforms.Formats()))
		at, err := transforms.ParseTime(s, format, noon)
		if err != nil {
			if !errors.Is(err, transforms.ErrUnreadable) {
				t.Fatalf("ParseTime(%q, %s): %v wraps no ErrUnreadable", s, format, err)
			}
			return
		}
		written := transforms.FormatTime(at, format, noon)
		again, err := transforms.ParseTime(written, format, noon)
		if at.Before(time.Unix(946080000, 0)) || at.Year() > 9998 || format == transforms.RetryAfter && at.After(noon.AddDate(29, 0, 0)) {
			return // outside what numbers may say without being taken for the other kind
		}
		if format.Relative() && at.Before(noon) {
			if again != noon {
				t.Fatalf("%q as %s lies in the past, was written %q and reads %v, want now", s, format, written, again)
			}
			return
		}
		if format == transforms.RFC850 && at.After(noon.AddDate(50, 0, 0)) || format == transforms.RFC850 && at.Before(noon.AddDate(-50, 0, 0)) {
			return // two digits cannot say it
		}
		unit := time.Second
		if u, ok := units[format]; ok {
			unit = u
		}
		if err != nil || again.Before(at) || again.Sub(at) >= unit {
			t.Fatalf("%q as %s = %v, written %q, read again %v, %v", s, format, at, written, again, err)
		}
	})
}
