package transforms

import "time"

// Face is how a view shows limits to a consumer. Header names are in canonical spelling; an empty one is not written.
// Numbers are rounded against the caller (counts down, times up): an intermediary must not make a limit look more
// permissive (draft-ietf-httpapi-ratelimit-headers). The zero Face changes nothing.
type Face struct {
	LimitHeader      string
	RemainingHeader  string
	ResetHeader      string
	ResetFormat      Format
	RetryAfterHeader string
	RetryAfterFormat Format
	RetryAfterMin    time.Duration // 0 = no bound
	RetryAfterMax    time.Duration // 0 = no bound; a consumer's own bound, since he would wait no longer anyway
	IETF             bool          // RateLimit and RateLimit-Policy as in draft -10, all policies
	KeepOriginal     bool          // what the vendor wrote moves to X-Upstream-<name without X->
}

// Faces is the table of the views that consumers are known to need. SailPoint's connectors read Unix seconds and accept a
// Retry-After of 1 to 180 s.
var Faces = map[string]Face{
	"untouched": {},
	"sailpoint": {
		LimitHeader: "X-Ratelimit-Limit", RemainingHeader: "X-Ratelimit-Remaining", ResetHeader: "X-Ratelimit-Reset", ResetFormat: Unix,
		RetryAfterHeader: "Retry-After", RetryAfterFormat: Delta, RetryAfterMin: time.Second, RetryAfterMax: 180 * time.Second, KeepOriginal: true,
	},
	"seconds": {
		LimitHeader: "X-Ratelimit-Limit", RemainingHeader: "X-Ratelimit-Remaining", ResetHeader: "X-Ratelimit-Reset", ResetFormat: Delta,
		RetryAfterHeader: "Retry-After", RetryAfterFormat: Delta, KeepOriginal: true,
	},
	"http_date": {
		LimitHeader: "X-Ratelimit-Limit", RemainingHeader: "X-Ratelimit-Remaining", ResetHeader: "X-Ratelimit-Reset", ResetFormat: IMF,
		RetryAfterHeader: "Retry-After", RetryAfterFormat: Delta, KeepOriginal: true,
	},
	"ietf": {IETF: true, RetryAfterHeader: "Retry-After", RetryAfterFormat: Delta, KeepOriginal: true},
}

// CompileFace compiles a face from YAML data: the name of one in Faces, or a mapping of `like` (such a name),
// limit_header, remaining_header, reset_header, reset_format, retry_after_header, retry_after_format, retry_after_min,
// retry_after_max, ietf and keep_original. Its error is an ArgErrors.
func CompileFace(args any) (Face, error) {
	a := newFields(args)
	a.short("like")
	name := a.text("like", "untouched")
	f, ok := Faces[name]
	if !ok {
		known := []string{"http_date", "ietf", "sailpoint", "seconds", "untouched"}
		a.fault("like", "unknown view %q%s", name, didYouMean(name, known))
	}
	for _, h := range []struct {
		key  string
		name *string
	}{{"limit_header", &f.LimitHeader}, {"remaining_header", &f.RemainingHeader}, {"reset_header", &f.ResetHeader}, {"retry_after_header", &f.RetryAfterHeader}} {
		if a.has(h.key) {
			*h.name = a.header(h.key)
		}
		a.asked = append(a.asked, h.key)
	}
	f.ResetFormat = a.format("reset_format", f.ResetFormat)
	f.RetryAfterFormat = a.format("retry_after_format", f.RetryAfterFormat)
	f.RetryAfterMin = a.span("retry_after_min", f.RetryAfterMin)
	f.RetryAfterMax = a.span("retry_after_max", f.RetryAfterMax)
	f.IETF = a.flag("ietf", f.IETF)
	f.KeepOriginal = a.flag("keep_original", f.KeepOriginal)
	if f.ResetHeader != "" && f.ResetFormat == Auto {
		a.fault("", "reset_format is missing; auto is for reading")
	}
	if f.RetryAfterMax > 0 && f.RetryAfterMin > f.RetryAfterMax {
		a.fault("retry_after_min", "min is more than max")
	}
	return f, a.done()
}
