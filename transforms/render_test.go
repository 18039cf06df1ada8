package transforms_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/google/go-cmp/cmp"

	"sluice/transforms"
)

func face(t testing.TB, args any) transforms.Face {
	t.Helper()
	f, err := transforms.CompileFace(args)
	if err != nil {
		t.Fatalf("CompileFace(%v): %v", args, err)
	}
	return f
}

// From a vendor's headers to a consumer's, by reader and face together.
func TestFaceWrite(t *testing.T) {
	t.Parallel()
	tdx := object{"style": "x", "reset": object{"format": "imf"}, "window": "60s"}
	tdxHeaders := []string{"X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT"}
	tests := []struct {
		name       string
		face, args any
		refusal    bool
		h          http.Header
		want       http.Header
	}{
		{"untouched", "untouched", tdx, true, headers(tdxHeaders...), headers(tdxHeaders...)},
		{"sailpoint", "sailpoint", tdx, false, headers(tdxHeaders...),
			headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "1786104030", "X-Upstream-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT")},
		{"sailpoint, 429 without Retry-After", "sailpoint", tdx, true, headers("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT"),
			headers("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1786104030", "X-Upstream-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "Retry-After", "30")},
		{"sailpoint clips Retry-After", "sailpoint", "x", true, headers("Retry-After", "3600"), headers("Retry-After", "180", "X-Upstream-Retry-After", "3600")},
		{"sailpoint, Retry-After 0", "sailpoint", "x", true, headers("Retry-After", "0"), headers("Retry-After", "1", "X-Upstream-Retry-After", "0")},
		{"sailpoint, Retry-After as a date", "sailpoint", "x", true, headers("Retry-After", "Fri, 07 Aug 2026 12:00:30 GMT"), headers("Retry-After", "30", "X-Upstream-Retry-After", "Fri, 07 Aug 2026 12:00:30 GMT")},
		{"sailpoint, a refusal that says nothing", "sailpoint", "x", true, headers(), headers("Retry-After", "1")},
		{"sailpoint, a Retry-After nobody can read stays", "sailpoint", "x", true, headers("Retry-After", "soon"), headers("Retry-After", "soon")},
		{"sailpoint, Okta's other names", "sailpoint", "x_rate_limit", false, headers("X-Rate-Limit-Limit", "5", "X-Rate-Limit-Remaining", "4", "X-Rate-Limit-Reset", "1786104030"),
			headers("X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "4", "X-RateLimit-Reset", "1786104030",
				"X-Upstream-Rate-Limit-Limit", "5", "X-Upstream-Rate-Limit-Remaining", "4", "X-Upstream-Rate-Limit-Reset", "1786104030")},
		{"a reset nobody can read stays", "sailpoint", "x", false, headers("X-RateLimit-Limit", "60", "X-RateLimit-Reset", "soon"), headers("X-RateLimit-Limit", "60", "X-RateLimit-Reset", "soon")},
		{"the same under other names", "sailpoint", "x_rate_limit", false, headers("X-Rate-Limit-Remaining", "60", "X-Rate-Limit-Reset", "soon"),
			headers("X-RateLimit-Remaining", "60", "X-Upstream-Rate-Limit-Remaining", "60", "X-Rate-Limit-Reset", "soon")},
		{"seconds, by the answer's clock", object{"like": "seconds", "keep_original": false}, tdx, false, headers(append(tdxHeaders, "Date", "Fri, 07 Aug 2026 11:59:55 GMT")...),
			headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "35", "Date", "Fri, 07 Aug 2026 11:59:55 GMT")},
		{"http_date", object{"like": "http_date", "keep_original": false}, "x", false, headers("X-RateLimit-Reset", "30"), headers("X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT")},
		{"fractions count down", "sailpoint", "canvas", false, headers("X-Rate-Limit-Remaining", "599.7"), headers("X-RateLimit-Remaining", "599", "X-Upstream-Rate-Limit-Remaining", "599.7")},
		{"the tightest policy is shown, the others' headers stay", object{"like": "sailpoint", "keep_original": false}, "hubspot", false,
			headers("X-HubSpot-RateLimit-Daily", "250000", "X-HubSpot-RateLimit-Daily-Remaining", "3", "X-HubSpot-RateLimit-Max", "100", "X-HubSpot-RateLimit-Remaining", "98"),
			headers("X-RateLimit-Limit", "250000", "X-RateLimit-Remaining", "3", "X-HubSpot-RateLimit-Max", "100", "X-HubSpot-RateLimit-Remaining", "98")},
		{"a header with two policies stays", object{"like": "sailpoint", "keep_original": false}, "sforce", false, headers("Sforce-Limit-Info", "a=1/10; b=5/6"),
			headers("X-RateLimit-Limit", "6", "X-RateLimit-Remaining", "1", "Sforce-Limit-Info", "a=1/10; b=5/6")},
		{"a header of which a part is not shown stays", object{"reset_header": "X-Reset", "reset_format": "delta"}, "zendesk_index", false,
			headers("Zendesk-RateLimit-A", "total=100; remaining=99; resets=41"), headers("Zendesk-RateLimit-A", "total=100; remaining=99; resets=41", "X-Reset", "41")},
		{"ietf", object{"like": "ietf", "keep_original": false}, tdx, false, headers(tdxHeaders...), headers("RateLimit-Policy", `"default";q=60;w=60`, "RateLimit", `"default";r=59;t=30`)},
		{"ietf keeps", "ietf", tdx, false, headers(tdxHeaders...), headers("RateLimit-Policy", `"default";q=60;w=60`, "RateLimit", `"default";r=59;t=30`,
			"X-Upstream-RateLimit-Limit", "60", "X-Upstream-RateLimit-Remaining", "59", "X-Upstream-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT")},
		{"ietf, a reset alone cannot be said", "ietf", "x", false, headers("X-RateLimit-Reset", "30"), headers("X-RateLimit-Reset", "30")},
		{"ietf over ietf changes nothing", "ietf", "ietf", false, headers("RateLimit-Policy", `"a";q=100;w=60, "b";q=9`, "RateLimit", `"a";r=50;t=30`), headers("RateLimit-Policy", `"a";q=100;w=60, "b";q=9`, "RateLimit", `"a";r=50;t=30`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := face(t, tt.face)
			limits, _ := reader(t, tt.args).Read(tt.h, noon)
			if tt.refusal {
				f.WriteRefusal(tt.h, nil, limits, noon)
			} else {
				f.Write(tt.h, nil, limits, noon)
			}
			if diff := cmp.Diff(tt.want, tt.h); diff != "" {
				t.Errorf("header: got + want -\n%s", diff)
			}
		})
	}
}

func TestFaceWriteMovesOnlySources(t *testing.T) {
	t.Parallel()
	h := headers("X-Rate-Limit-Limit", "5", "X-Rate-Limit-Remaining", "4")
	limits, _ := reader(t, "x_rate_limit").Read(h, noon)
	face(t, object{"like": "seconds", "keep_original": false}).Write(h, []string{"X-Rate-Limit-Limit"}, limits, noon)
	want := headers("X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "4", "X-Rate-Limit-Remaining", "4")
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("header: got + want -\n%s", diff)
	}
}

//nolint:paralleltest // AllocsPerRun counts the whole process: it must run alone
func TestFaceWriteAllocatesOnlyValues(t *testing.T) {
	h := headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT")
	limits, _ := reader(t, "x").Read(h, noon)
	f := face(t, object{"like": "sailpoint", "keep_original": false})
	if got := testing.AllocsPerRun(100, func() {
		h["X-Ratelimit-Reset"][0] = "x"
		f.Write(h, nil, limits, noon)
	}); got > 1 {
		t.Errorf("got %v allocations, want at most the one new value", got)
	}
}

func TestCompileFaceFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args any
		want string
	}{
		{"sailpont", `like: unknown view "sailpont" (did you mean "sailpoint"?)`},
		{object{"reset_header": "X-R"}, "reset_format is missing; auto is for reading"},
		{object{"like": "seconds", "retry_after_min": "3m", "retry_after_max": "1s"}, "retry_after_min: min is more than max"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			if _, err := transforms.CompileFace(tt.args); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Whatever a limit holds, what the ietf face writes is a valid structured field that reads back no more permissive.
func FuzzFaceDraft(f *testing.F) {
	f.Add("burst", 100.0, 50.5, int64(30500), int64(60000))
	f.Add("a\"b\\ü\x00", 1e18, -3.0, int64(-5), int64(1))
	r := reader(f, "ietf")
	f.Fuzz(func(t *testing.T, policy string, limit, remaining float64, resetMS, windowMS int64) {
		if limit != limit || remaining != remaining || resetMS > 1e11 || resetMS < -1e11 || windowMS > 1e11 {
			return
		}
		after := time.Duration(resetMS) * time.Millisecond
		in := transforms.Limits{Policy: policy, Limit: limit, HasLimit: true, Remaining: remaining, HasRemaining: true,
			Reset: noon.Add(after), ResetAfter: after, Window: time.Duration(windowMS) * time.Millisecond}
		h := http.Header{}
		transforms.Faces["ietf"].Write(h, nil, []transforms.Limits{in}, noon)
		for _, name := range []string{"Ratelimit", "Ratelimit-Policy"} {
			if _, err := httpsfv.UnmarshalList(h[name]); err != nil {
				t.Fatalf("%s = %q is no list: %v", name, h[name], err)
			}
		}
		out, errs := r.Read(h, noon)
		if len(errs) > 0 || len(out) != 1 {
			t.Fatalf("%v reads %v, %v", h, out, errs)
		}
		if got := out[0]; got.Limit > max(0, limit) || got.Remaining > max(0, remaining) || got.ResetAfter < after || got.Window < in.Window {
			t.Errorf("%s reads back more permissive: %+v, was %+v", fmt.Sprint(h), got, in)
		}
	})
}
