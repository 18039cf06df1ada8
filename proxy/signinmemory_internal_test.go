package proxy

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"time"

	"sluice/transforms"
)

// A token answer that is given again later names the same end as when it came.
func FuzzTokenAnswerAgesTruly(f *testing.F) {
	f.Add(`{"access_token":"t-0123456","expires_in":3600}`, uint16(60))
	f.Add(`{"expires_in":"10", "access_token":"t-0123456"}`, uint16(9))
	f.Add(`{"expires_in":10,"a":{"expires_in":10},"access_token":"t-0123456"}`, uint16(1))
	f.Add(`{"expires_in":1e3,"access_token":"t-0123456"}`, uint16(1))
	f.Add(`{"x":"\"expires_in\":7","access_token":"t-0123456","expires_in":7}`, uint16(3))
	spec, err := transforms.CompileTokenSpec(map[string]any{"json": ".access_token", "expires": map[string]any{"json": ".expires_in", "format": "delta"}})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r, err := http.NewRequest(http.MethodPost, "https://vendor.example/auth", nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string, wait uint16) {
		a := &tokenAnswer{status: 200, header: http.Header{}, body: []byte(body), length: int64(len(body)), at: now}
		token, life := a.life(spec)
		later := now.Add(time.Duration(wait) * time.Second)
		if token == "" || life <= later.Sub(now) {
			return
		}
		first, err := transforms.ReadToken(spec, 200, a.header, a.body, now)
		if err != nil {
			t.Fatalf("life says %s, ReadToken %v", life, err)
		}
		resp := a.forMemory(nil).response(r, later)
		again, err := transforms.ReadToken(spec, 200, resp.Header, []byte(readAll(t, resp)), later)
		if err != nil || again.Value != token {
			t.Fatalf("given again it reads as %v, %v; want the same token", again, err)
		}
		// Given again without a correction, it may overstate its life by no more than the tenth for which it is kept.
		if late := again.Expires.Sub(first.Expires); late > a.lasting/10+time.Second || a.counts && (late > time.Second || late < -time.Second) {
			t.Errorf("given again after %s it ends %s later than it said first (%s); corrected: %t", later.Sub(now), late, a.lasting, a.counts)
		}
	})
}

// No two lists of words are the same to the key.
func TestWordsOfAKeyDoNotRunTogether(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, lists := range [][][]string{
		{{"ab", "c"}}, {{"a", "bc"}}, {{"abc"}}, {{"ab"}, {"c"}}, {{"a"}, {"b", "c"}}, {{"abc", ""}}, {{"", "abc"}}, {{}, {"abc"}}, {{"abc"}, {}},
	} {
		h := sha256.New()
		for _, words := range lists {
			put(h, words...)
		}
		sum := fmt.Sprintf("%x", h.Sum(nil))
		if other, ok := seen[sum]; ok {
			t.Errorf("%q and %s are the same", lists, other)
		}
		seen[sum] = fmt.Sprintf("%q", lists)
	}
}
