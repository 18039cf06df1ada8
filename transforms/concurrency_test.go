package transforms_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/transforms"
)

// One compiled list serves many messages at a time: nothing of one shows in another, and no configured value wears off.
func TestFuncsAreShared(t *testing.T) {
	t.Parallel()
	fs := []transforms.Func{
		compile(t, "xml_to_json"),
		compile(t, object{"set": object{"body": object{".list": object{"value": []any{1, object{"a": 1}}}}}}),
		compile(t, object{"set": object{"body": object{".list[1].who": object{"jq": ".user"}}}}),
		compile(t, object{"jq": ".list[1]"}),
	}
	var wg sync.WaitGroup
	for _, who := range []string{"ann", "bo", "cy", "di"} {
		wg.Go(func() {
			for range 50 {
				m := answerAt(200, headers("Content-Type", "text/xml"), "<user>"+who+"</user>")
				unread, err := transforms.Run(fs, m, func() ([]byte, error) { return m.Body, nil })
				if want := `{"a":1,"who":"` + who + `"}`; err != nil || len(unread) > 0 || string(m.Body) != want {
					t.Errorf("got %s, %v, %v, want %s", m.Body, unread, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// A transform replaces the body and never writes into it: the bytes may be a cache's.
func TestBodyIsNotWrittenInto(t *testing.T) {
	t.Parallel()
	const body = `{"next":"?page=2","secret":"s","error":{"code":1,"message":"m"}}`
	for _, item := range []any{
		object{"jq": "del(.secret)"}, object{"set": object{"body": object{".secret": "x"}}}, object{"remove": object{"body": ".secret"}},
		object{"rewrite_links": object{"body": ".next"}}, object{"error": object{"when": object{"status": 200}}},
	} {
		m := answerAt(200, headers(), body)
		before := m.Body
		if err := compile(t, item).Apply(m); err != nil {
			t.Errorf("%v: %v", item, err)
		}
		if string(before) != body {
			t.Errorf("%v wrote into the body: %s", item, before)
		}
		if string(m.Body) == body {
			t.Errorf("%v changed nothing", item)
		}
	}
}

func TestErrorClipsLongTexts(t *testing.T) {
	t.Parallel()
	m := answerAt(500, headers(), strings.Repeat("ü", 1000))
	if err := compile(t, "error").Apply(m); err != nil {
		t.Fatal(err)
	}
	if want := `{"code":"http_500","message":"` + strings.Repeat("ü", 512) + `","status":500}`; string(m.Body) != want {
		t.Errorf("got %d bytes, want %d", len(m.Body), len(want))
	}
}

func TestLimitReaderSources(t *testing.T) {
	t.Parallel()
	got := reader(t, []any{object{"style": "x", "retry_after": "X-Wait"}, "ietf", "zendesk_index", "sforce"}).Sources()
	want := []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Used", "X-Ratelimit-Reset",
		"Ratelimit", "Ratelimit-Policy", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", "Sforce-Limit-Info", "Zendesk-Ratelimit-*", "X-Wait"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Sources: got + want -\n%s", diff)
	}
	if !slices.Contains(reader(t, "x").Sources(), "Retry-After") {
		t.Error("the default reader does not name Retry-After")
	}
}

// The prefix that an index reader names as its source lets the face move the header.
func TestFaceMovesIndexedHeaders(t *testing.T) {
	t.Parallel()
	r := reader(t, "zendesk_index")
	h := headers("Zendesk-RateLimit-A", "total=100; remaining=99; resets=41")
	limits, _ := r.Read(h, noon)
	transforms.Faces["seconds"].Write(h, r.Sources(), limits, noon)
	want := headers("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "99", "X-RateLimit-Reset", "41", "X-Upstream-Zendesk-RateLimit-A", "total=100; remaining=99; resets=41")
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("header: got + want -\n%s", diff)
	}
}

func BenchmarkReadAndWrite(b *testing.B) {
	r := reader(b, object{"style": "x", "reset": object{"format": "imf"}})
	f := face(b, "sailpoint")
	h := headers("X-RateLimit-Limit", "60", "X-RateLimit-Remaining", "59", "X-RateLimit-Reset", "Fri, 07 Aug 2026 12:00:30 GMT", "Date", "Fri, 07 Aug 2026 11:59:55 GMT")
	vendor := h["X-Ratelimit-Reset"]
	room := make([]transforms.Limits, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		h["X-Ratelimit-Reset"] = vendor
		delete(h, "X-Upstream-Ratelimit-Reset")
		limits, _ := r.Append(room, h, noon)
		f.Write(h, nil, limits, noon)
	}
}

func BenchmarkHeaderTime(b *testing.B) {
	f := compile(b, object{"header_time": object{"header": "X-RateLimit-Reset", "from": "imf", "to": "unix"}})
	m := answerAt(200, headers("X-RateLimit-Reset", ""), "")
	b.ReportAllocs()
	for b.Loop() {
		m.Header["X-Ratelimit-Reset"][0] = "Fri, 07 Aug 2026 12:00:30 GMT"
		if err := f.Apply(m); err != nil {
			b.Fatal(err)
		}
	}
}
